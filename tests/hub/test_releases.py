"""The history of releases and going back, over the API and on the command line."""

from __future__ import annotations

import itertools

import pytest

from hub.context import HubContext
from hub.releases import listed
from spaceport.artifact import Artifact, ArtifactKind
from spaceport.cause import Cause, Failure
from spaceport.ledger import builds, releases, secrets, spaces, variables
from spaceport.ledger.spaces import Space
from spaceport.states import BuildState, ReleaseState
from tests.hub.conftest import Hub

VALUE = "canary-release-7d31"
_numbers = itertools.count()


def ran(context: HubContext, space: Space, name: str) -> None:
    """A release of the head that answered, served from a folder that is there."""
    key = space.key
    folder = f"checkouts/{key}/{name}"
    (context.data / folder).mkdir(parents=True)
    with context.ledger.write() as tx:
        head = spaces.get(tx, key).head
        assert head is not None
        builds.move(tx, builds.queue(tx, key, head), BuildState.RUNNING)
        running = builds.newest(tx, key)
        assert running is not None
        made = Artifact(ArtifactKind.FOLDER, folder=folder)
        builds.move(tx, running, BuildState.SUCCEEDED, artifact=made)
        done = builds.get(tx, running.id)
        assert done is not None
        for other in releases.history(tx, key):
            if other.state is ReleaseState.LIVE:
                releases.move(tx, other, ReleaseState.RETIRED)
        release = releases.create(
            tx,
            spaces.get(tx, key),
            done,
            card={"sdk": "gradio"},
            variables=variables.of(tx, key),
            secret_versions=secrets.versions(tx, key),
        )
        releases.move(tx, release, ReleaseState.LIVE)


@pytest.fixture
def space(hub: Hub) -> Space:
    """Two releases, with a variable and a secret changed between them."""
    made = hub.space(f"rel/app-{next(_numbers)}")
    for name, value in (("one", "red"), ("two", "blue")):
        with hub.context.ledger.write() as tx:
            variables.set_(tx, made.key, "COLOR", value)
            secrets.set_(tx, hub.context.keyring, made.key, "TOKEN", VALUE + name)
        ran(hub.context, made, name)
    return made


def test_history_and_rollback(hub: Hub, space: Space) -> None:
    token, api = hub.token("rel"), f"/api/spaces/{space.id}"
    lines = hub.wire.get(f"{api}/releases", token=token).json()
    assert [line["number"] for line in lines] == [2, 1]
    newest, oldest = lines
    assert (oldest["subject"], oldest["build"], oldest["state"]) == ("initial commit", 1, "retired")
    assert (oldest["variables"], newest["variables"]) == ({"COLOR": "red"}, {"COLOR": "blue"})
    assert list(oldest["secrets"]) == ["TOKEN"]
    assert oldest["secrets"]["TOKEN"] < newest["secrets"]["TOKEN"]
    assert (oldest["hardware"], oldest["revision"]) == ("cpu-basic", space.head)
    assert oldest["liveAt"].endswith("Z") and oldest["cause"] is None
    assert [line["canRollBack"] for line in lines] == [False, True]
    assert [line["present"] for line in lines] == [True, False]

    answer = hub.wire.ask("POST", f"{api}/rollback", token=token, json_body={"release": 1})
    assert answer.status == 200
    made = answer.json()["release"]
    assert (made["number"], made["rollbackOf"], made["state"]) == (3, 1, "pending")
    assert made["variables"] == {"COLOR": "red"}
    assert "TOKEN" in answer.json()["notes"][0]
    assert VALUE not in answer.body.decode()
    shown = hub.wire.get(f"{api}/variables", token=token).json()
    assert shown["COLOR"]["value"] == "red"
    again = hub.wire.ask("POST", f"{api}/rollback", token=token, json_body={"release": 1})
    assert again.json()["release"]["number"] == 3


def test_without_a_number_it_is_the_version_before(hub: Hub, space: Space) -> None:
    path = f"/api/spaces/{space.id}/rollback"
    answer = hub.wire.ask("POST", path, token=hub.token("rel"), json_body={})
    assert answer.json()["release"]["rollbackOf"] == 1


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"release": 9}, 404, "no release 9"),
        ({"release": 2}, 409, "runs already"),
        ({"release": 0}, 422, "greater than or equal"),
        ({"release": "1"}, 422, "integer"),
        ({"number": 1}, 400, "number"),
    ],
    ids=["absent", "present", "zero", "text", "unknown-key"],
)
def test_mistakes_are_named(
    hub: Hub, space: Space, body: dict[str, object], status: int, words: str
) -> None:
    path = f"/api/spaces/{space.id}/rollback"
    answer = hub.wire.ask("POST", path, token=hub.token("rel"), json_body=body)
    assert (answer.status, words in answer.error) == (status, True), answer.error


def test_files_that_are_gone_are_told(hub: Hub, space: Space) -> None:
    folder = hub.context.data / "checkouts" / space.key / "one"
    folder.rmdir()
    token, api = hub.token("rel"), f"/api/spaces/{space.id}"
    line = hub.wire.get(f"{api}/releases", token=token).json()[1]
    assert (line["canRollBack"], "is not there" in line["refused"]) == (False, True)
    answer = hub.wire.ask("POST", f"{api}/rollback", token=token, json_body={"release": 1})
    assert (answer.status, "Push revision" in answer.error) == (400, True)


def test_only_who_manages_the_space_sees_and_goes_back(hub: Hub, space: Space) -> None:
    for who, status in ((hub.token("stranger"), 403), (hub.token("rel", "read"), 403), ("", 401)):
        api = f"/api/spaces/{space.id}"
        assert hub.wire.get(f"{api}/releases", token=who).status == status
        answer = hub.wire.ask("POST", f"{api}/rollback", token=who, json_body={"release": 1})
        assert answer.status == status


def test_a_failure_is_told_with_its_cause(hub: Hub, space: Space) -> None:
    with hub.context.ledger.write() as tx:
        newest = releases.newest(tx, space.key)
        assert newest is not None
        failure = Failure(Cause.APP_CRASHED, {"exit_code": 1, "problem": "boom"})
        releases.move(tx, newest, ReleaseState.FAILED, failure=failure)
    line = hub.wire.get(f"/api/spaces/{space.id}/releases", token=hub.token("rel")).json()[0]
    assert line["cause"]["name"] == "APP_CRASHED"
    assert "boom" in line["cause"]["message"]


def test_a_commit_that_is_gone_has_no_subject(hub: Hub, space: Space) -> None:
    with hub.context.ledger.write() as tx:
        tx.exec_driver_sql(
            f"UPDATE releases SET revision = '{'f' * 40}' WHERE space_key = '{space.key}'"
        )
    assert [line.subject for line in listed(hub.context, space.key)] == ["", ""]
