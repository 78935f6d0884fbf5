"""Notice which sandboxed containers changed, without asking each of them all the time."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Callable, Mapping, Sequence

from runtime.engine.process_store import ProcessStore
from spaceport.engine import ContainerState, Handle, Observed

_ASK_EVERY_MS = 250
_FULL_LOOK_EVERY = 8


def watch(
    store: ProcessStore,
    seen: Callable[[Mapping[str, str]], Sequence[Observed]],
    changed: Callable[[Handle], None],
    stopped: Callable[[], bool],
) -> None:
    """As `Engine.watch`: waits for the end of keepers, and looks at all every two seconds."""
    store.prepare()
    before: dict[Handle, ContainerState] | None = None
    folder_time = 0
    keepers: dict[Handle, int] = {}
    rounds = 0
    try:
        while not stopped():
            now_time = store.containers_folder.stat().st_mtime_ns
            ended = _some_ended(keepers)
            if before is None or ended or now_time != folder_time or rounds >= _FULL_LOOK_EVERY:
                rounds, folder_time = 0, now_time
                now = {found.handle: found.state for found in seen({})}
                for handle in _differing(before, now):
                    changed(handle)
                before = now
                if ContainerState.CREATED in now.values():
                    rounds = _FULL_LOOK_EVERY  # it is being started: look again at once
                _follow_keepers(store, keepers, now)
            rounds += 1
    finally:
        for pidfd in keepers.values():
            os.close(pidfd)


def _differing(
    before: Mapping[Handle, ContainerState] | None, now: Mapping[Handle, ContainerState]
) -> list[Handle]:
    if before is None:
        return []
    return [handle for handle in {**before, **now} if before.get(handle) is not now.get(handle)]


def _some_ended(keepers: Mapping[Handle, int]) -> bool:
    poller = select.poll()
    for pidfd in keepers.values():
        poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(_ASK_EVERY_MS))


def _follow_keepers(
    store: ProcessStore, keepers: dict[Handle, int], now: Mapping[Handle, ContainerState]
) -> None:
    alive = {
        handle
        for handle, state in now.items()
        if state in (ContainerState.RUNNING, ContainerState.FROZEN)
    }
    for handle in set(keepers) - alive:
        os.close(keepers.pop(handle))
    for handle in alive - set(keepers):
        running = store.running(handle)
        with contextlib.suppress(OSError):
            if running is not None and running.alive():
                keepers[handle] = os.pidfd_open(running.keeper)
