"""The stream of a Space's runtime object: at connect, at every change, none twice (15.2)."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any

from spaceport.cause import Cause, Failure
from spaceport.ledger import builds, spaces, tokens, variables
from spaceport.stage import Wanted
from spaceport.states import BuildState
from tests.hub.conftest import Hub
from tests.waiting import eventually


class Events:
    """Reads as a browser's EventSource does: empty data says nothing."""

    def __init__(self, hub: Hub, space: str, token: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=30)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._connection.request("GET", f"/api/spaces/{space}/events", headers=headers)
        self.answer = self._connection.getresponse()
        self.signs = 0

    def next(self) -> dict[str, Any] | None:
        """The next object; None at the end."""
        while line := self.answer.readline():
            if line.startswith(b"data: {"):
                return dict(json.loads(line.removeprefix(b"data: ")))
            self.signs += line.startswith(b"data:")
        return None

    def close(self) -> None:
        self._connection.close()


def test_one_at_connect_and_one_at_every_change(hub: Hub) -> None:
    space = hub.space("edda/live")
    other = hub.space("edda/other")
    stream = Events(hub, "edda/live")
    assert stream.answer.headers["Content-Type"].startswith("text/event-stream")
    first = stream.next()
    assert first == hub.wire.get("/api/spaces/edda/live/runtime").json()
    assert first["stage"] == "BUILDING"
    with hub.context.ledger.write() as tx:  # events that change nothing of it
        variables.set_(tx, other.key, "A", "1")
        variables.set_(tx, space.key, "A", "1")
    with hub.context.ledger.write() as tx:
        build = builds.queue(tx, space.key, space.head or "")
        builds.move(tx, build, BuildState.RUNNING)
    with hub.context.ledger.write() as tx:
        running = builds.get(tx, build.id)
        assert running is not None
        builds.move(tx, running, BuildState.FAILED, failure=Failure(Cause.BUILD_FAILED))
    second = stream.next()
    assert second is not None and (second["stage"], second["cause"]) == (
        "BUILD_ERROR",
        "BUILD_FAILED",
    )
    with hub.context.ledger.write() as tx:
        spaces.want(tx, space.key, Wanted.PAUSED)
    third = stream.next()
    assert third is not None and third["stage"] == "PAUSED"
    stream.close()


def test_signs_of_life_and_an_end_when_the_right_is_lost(hub: Hub) -> None:
    hub.space("edda/secret", visibility="private")
    stream = Events(hub, "edda/secret", hub.token("edda"))
    assert stream.next() is not None
    account = hub.user("edda")
    with hub.context.ledger.write() as tx:
        for row in tokens.of_account(tx, account.id):
            tokens.revoke(tx, account.id, row.id)
    assert stream.next() is None
    assert stream.signs >= 1


def test_it_ends_with_the_space(hub: Hub) -> None:
    space = hub.space("edda/going")
    stream = Events(hub, "edda/going")
    assert stream.next() is not None
    with hub.context.ledger.write() as tx:
        spaces.mark_deleted(tx, space.key)
    told = stream.next()
    assert told is None or (told["stage"] == "DELETING" and stream.next() is None)


def test_many_at_once_each_get_everything(hub: Hub) -> None:
    space = hub.space("edda/crowd")
    streams = [Events(hub, "edda/crowd") for _ in range(30)]
    stages: list[list[str]] = [[] for _ in streams]

    def read(number: int) -> None:
        for _ in range(2):
            found = streams[number].next()
            stages[number].append(found["stage"] if found else "")

    threads = [threading.Thread(target=read, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    eventually(lambda: all(stages))
    with hub.context.ledger.write() as tx:
        spaces.want(tx, space.key, Wanted.PAUSED)
    for thread in threads:
        thread.join(60)
    assert stages == [["BUILDING", "PAUSED"]] * 30
    for stream in streams:
        stream.close()
