"""Follow Docker's events about our containers, over engine restarts."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from runtime.engine.docker_connection import Connection
from runtime.engine.docker_containers import DockerContainers
from runtime.engine.docker_spec import label_filters
from runtime.engine.docker_stream import Stream
from spaceport.engine import ContainerState, EngineDown, Handle
from spaceport.errors import SpaceportError

_EVENTS = ("start", "die", "oom", "pause", "unpause", "destroy")
_ASK_EVERY = 0.25
_RETRY_AFTER = 0.5

Changed = Callable[[Handle], None]
Stopped = Callable[[], bool]


def watch(
    connection: Connection,
    containers: DockerContainers,
    instance: str,
    changed: Changed,
    stopped: Stopped,
) -> None:
    """As `Engine.watch`. The list is read after the stream was opened, so nothing falls between."""
    known: dict[Handle, ContainerState] | None = None
    while not stopped():
        try:
            stream = connection_events(connection, instance)
        except SpaceportError:
            _rest(stopped)
            continue
        try:
            now = {found.handle: found.state for found in containers.list({})}
            for handle in differing(known, now):
                changed(handle)
            known = now
            _follow(stream, known, changed, stopped)
        except EngineDown:
            _rest(stopped)
        finally:
            stream.close()


def differing(
    before: Mapping[Handle, ContainerState] | None, now: Mapping[Handle, ContainerState]
) -> list[Handle]:
    """Handles whose state is another than it was; none at the very first look."""
    if before is None:
        return []
    return [handle for handle in {**before, **now} if before.get(handle) is not now.get(handle)]


def connection_events(connection: Connection, instance: str) -> Stream:
    filters = {
        "type": ["container"],
        "event": list(_EVENTS),
        "label": list(label_filters(instance, {})),
    }
    with connection.calls():
        return connection.stream("GET", "/events", params={"filters": json.dumps(filters)})


def _follow(
    stream: Stream, known: dict[Handle, ContainerState], changed: Changed, stopped: Stopped
) -> None:
    """To the end of the stream; `known` is kept up to date, to be compared after the next one."""
    events: queue.Queue[dict[str, Any] | None] = queue.Queue()
    threading.Thread(target=_pump, args=(stream, events), name="events", daemon=True).start()
    while not stopped():
        try:
            event = events.get(timeout=_ASK_EVERY)
        except queue.Empty:
            continue
        if event is None:
            return
        handle = str(event.get("id") or event["Actor"]["ID"])
        _note(known, handle, str(event.get("status") or event.get("Action")))
        changed(handle)


def _note(known: dict[Handle, ContainerState], handle: Handle, event: str) -> None:
    if event == "destroy":
        known.pop(handle, None)
    elif event == "die":
        known[handle] = ContainerState.EXITED
    elif event == "pause":
        known[handle] = ContainerState.FROZEN
    elif event in ("start", "unpause"):
        known[handle] = ContainerState.RUNNING


def _pump(stream: Stream, events: queue.Queue[dict[str, Any] | None]) -> None:
    try:
        for event in stream.objects():
            events.put(event)
    except Exception:  # noqa: S110  whatever ended the stream, the list is read again
        pass
    finally:
        events.put(None)


def _rest(stopped: Stopped) -> None:
    deadline = time.monotonic() + _RETRY_AFTER
    while time.monotonic() < deadline and not stopped():
        time.sleep(0.05)
