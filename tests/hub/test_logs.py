"""Logs as the real client and the command line read them."""

from __future__ import annotations

import http.client
import json
import threading

import pytest

from hub.janitor import Janitor
from spaceport.artifact import Artifact, ArtifactKind
from spaceport.ledger import accounts as accounts_ledger
from spaceport.ledger import builds, memberships, releases, replicas, spaces, tokens
from spaceport.ledger.builds import Build
from spaceport.ledger.logs import KEPT
from spaceport.ledger.spaces import Space
from spaceport.logbook import LogWriter, log_path
from spaceport.roles import OrgRole
from spaceport.states import BuildState, ReplicaState
from tests.hub.conftest import Hub
from tests.waiting import eventually


def queue_build(hub: Hub, space: Space) -> Build:
    with hub.context.ledger.write() as tx:
        build = builds.queue(tx, space.key, space.head or "")
        builds.move(tx, build, BuildState.RUNNING)
        found = builds.get(tx, build.id)
    assert found is not None
    return found


def writer(hub: Hub, space: Space, kind: str, id: str) -> LogWriter:
    path = log_path(hub.context.data, space.key, kind, id)  # type: ignore[arg-type]
    return LogWriter(path)


def end(hub: Hub, build: Build, state: BuildState = BuildState.FAILED) -> None:
    with hub.context.ledger.write() as tx:
        builds.move(tx, build, state, artifact=Artifact(ArtifactKind.IMAGE, image="x"))


class Stream:
    """A log stream, line by line, as it comes."""

    def __init__(self, hub: Hub, path: str, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=20)
        self._connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        self.answer = self._connection.getresponse()

    def entry(self) -> dict[str, str] | None:
        """The next entry, or None at the end; everything else is skipped as the client does."""
        while line := self.answer.readline():
            if line.startswith(b"data: {"):
                return dict(json.loads(line[len("data: ") :]))
        return None

    def close(self) -> None:
        self._connection.close()


def test_a_build_is_followed_from_its_first_line_to_its_end(hub: Hub) -> None:
    space = hub.space("olga/demo")
    build = queue_build(hub, space)
    log = writer(hub, space, "build", build.id)
    log.write("one\n")
    stream = Stream(hub, "/api/spaces/olga/demo/logs/build", hub.token("olga"))
    assert stream.answer.status == 200
    assert stream.answer.headers["Content-Type"].startswith("text/event-stream")
    first = stream.entry()
    assert first is not None and first["data"] == "one\n" and first["timestamp"].endswith("Z")
    log.write("two ✓\n")
    second = stream.entry()
    assert second is not None and second["data"] == "two ✓\n"
    log.write("three\n")
    log.close()
    end(hub, build)
    third = stream.entry()
    assert third is not None and third["data"] == "three\n"
    assert stream.entry() is None
    again = Stream(hub, "/api/spaces/olga/demo/logs/build", hub.token("olga"))
    assert [again.entry() for _ in range(3)] == [first, second, third]
    tail = Stream(hub, "/api/spaces/olga/demo/logs/build?tail=1", hub.token("olga"))
    assert tail.entry() == third and tail.entry() is None


def test_the_real_client_reads_both_logs(hub: Hub) -> None:
    api, space = hub.api("log-pam"), hub.space("log-pam/demo")
    build = queue_build(hub, space)
    with writer(hub, space, "build", build.id) as log:
        log.write("building\nbuilt\n")
    end(hub, build, BuildState.SUCCEEDED)
    assert list(api.fetch_space_logs("log-pam/demo", build=True)) == ["building\n", "built\n"]
    with hub.context.ledger.write() as tx:
        built = builds.get(tx, build.id)
        assert built is not None
        present = spaces.get(tx, space.key)
        release = releases.create(tx, present, built, card={}, variables={}, secret_versions={})
        replica = replicas.create(tx, space.key, release.id, engine="process", port=7860)
    with writer(hub, space, "run", replica.id) as log:
        log.write("started\n")
    with hub.context.ledger.write() as tx:
        replicas.move(tx, replica, ReplicaState.GONE)
    assert list(api.fetch_space_logs("log-pam/demo", follow=True)) == ["started\n"]


def test_a_stream_waits_for_the_first_build(hub: Hub) -> None:
    space = hub.space("log-quinn/demo")
    stream = Stream(hub, "/api/spaces/log-quinn/demo/logs/build", hub.token("log-quinn"))
    build = queue_build(hub, space)
    with writer(hub, space, "build", build.id) as log:
        log.write("at last\n")
    entry = stream.entry()
    assert entry is not None and entry["data"] == "at last\n"
    end(hub, build)
    assert stream.entry() is None


@pytest.mark.req("API-07")
def test_a_revoked_reader_is_shown_out(hub: Hub) -> None:
    space = hub.space("log-rosa/demo")
    queue_build(hub, space)
    text = hub.token("log-rosa")
    with hub.context.ledger.read() as tx:
        token = tokens.find(tx, text)
    assert token is not None
    stream = Stream(hub, "/api/spaces/log-rosa/demo/logs/build", text)
    assert stream.answer.readline() == b"data:\n"
    with hub.context.ledger.write() as tx:
        tokens.revoke(tx, token.account_id, token.id)
    ended = threading.Event()

    def read() -> None:
        stream.entry()
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    eventually(ended.is_set, timeout=20)


def test_a_reader_who_goes_away_frees_the_stream(hub: Hub) -> None:
    hub.space("sara/demo")
    token = hub.token("sara")
    for _ in range(hub.context.settings.hub.api.log_streams + 5):
        stream = Stream(hub, "/api/spaces/sara/demo/logs/run", token)
        assert stream.answer.status == 200
        stream.close()


def test_logs_are_for_writers(hub: Hub) -> None:
    hub.space("tina/demo")
    with hub.context.ledger.write() as tx:
        lab = accounts_ledger.create_org(tx, "tina-lab")
        uwe = accounts_ledger.create_user(tx, "uwe")
        memberships.set_role(tx, lab, uwe, OrgRole.READ)
    for kind in ("build", "run"):
        path = f"/api/spaces/tina/demo/logs/{kind}"
        assert hub.wire.get(path).status == 401
        assert hub.wire.get(path, token=hub.token("uwe")).status == 403
    assert (
        hub.wire.get("/api/spaces/tina/demo/logs/run?tail=x", token=hub.token("tina")).status == 400
    )


def test_the_log_before_the_newest_can_be_read_too(hub: Hub) -> None:
    space, token = hub.space("uta/demo"), hub.token("uta")
    path = "/api/spaces/uta/demo/logs/build?previous=true"
    absent = hub.wire.get(path, token=token)
    assert (absent.status, "before the newest" in absent.error) == (404, True)
    for words in ("first\n", "second\n"):
        build = queue_build(hub, space)
        with writer(hub, space, "build", build.id) as log:
            log.write(words)
        end(hub, build)
    stream = Stream(hub, path, token)
    entry = stream.entry()
    assert entry is not None and entry["data"] == "first\n"
    assert stream.entry() is None


def test_only_the_last_logs_are_kept_and_those_that_are_still_written(hub: Hub) -> None:
    space = hub.space("vito/demo")
    made = []
    for _ in range(KEPT + 3):
        build = queue_build(hub, space)
        with writer(hub, space, "build", build.id) as log:
            log.write("x\n")
        end(hub, build, BuildState.SUCCEEDED)
        made.append(build)
    with hub.context.ledger.write() as tx:
        built = builds.get(tx, made[-1].id)
        assert built is not None
        present = spaces.get(tx, space.key)
        release = releases.create(tx, present, built, card={}, variables={}, secret_versions={})
        ran = []
        for number in range(KEPT + 3):
            replica = replicas.create(tx, space.key, release.id, engine="process", port=7860)
            ran.append(replica.id)
            writer(hub, space, "run", replica.id).close()
            if number:  # the first one goes on, however many come after it
                replicas.move(tx, replica, ReplicaState.GONE)
    other = hub.space("vito/other")
    kept = queue_build(hub, other)
    writer(hub, other, "build", kept.id).close()
    Janitor(hub.context).sweep()

    def files(of: Space) -> set[str]:
        return {file.stem for file in (hub.context.data / "logs" / of.key).iterdir()}

    assert {name for name in files(space) if name.startswith("build")} == {
        f"build-{build.id}" for build in made[-KEPT:]
    }
    assert {name for name in files(space) if name.startswith("run")} == {
        f"run-{id}" for id in [ran[0], *ran[-KEPT:]]
    }
    assert files(other) == {f"build-{kept.id}"}
