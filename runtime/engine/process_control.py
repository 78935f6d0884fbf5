"""End, freeze and thaw a container by signals to its keeper and its processes."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from pathlib import Path

from runtime.engine.process_cgroup import Group
from runtime.engine.process_keeper import descendants
from runtime.engine.process_store import ProcessStore, Running
from spaceport.engine import Handle

_KEEPER_ENDS_WITHIN = 5.0


def end(store: ProcessStore, handle: Handle, group: Group | None, grace: float) -> None:
    """TERM, after `grace` seconds KILL; returns when the keeper has ended too."""
    running = store.running(handle)
    if running is None or not running.alive():
        return
    try:
        pidfd = os.pidfd_open(running.keeper)
    except ProcessLookupError:
        return
    try:
        if grace > 0:
            _signal(running.keeper, signal.SIGTERM)
            _thaw(running, group)
            if _ended(pidfd, grace):
                return
        _thaw(running, group)
        if not kill_all(running):
            return
        if not _ended(pidfd, _KEEPER_ENDS_WITHIN):
            _signal(running.keeper, signal.SIGKILL)
            _ended(pidfd, _KEEPER_ENDS_WITHIN)
    finally:
        os.close(pidfd)


def kill_all(running: Running) -> bool:
    """The container's first process takes all others of its pid namespace with it."""
    if not running.alive():
        return False
    for pid in reversed([*descendants(running.keeper)]):
        _signal(pid, signal.SIGKILL)
    return True


def end_lost(running: Running, group: Group | None) -> None:
    """End an app whose keeper was killed: it was to go along, but may just have been starting."""
    if group is not None:
        group.kill()
    elif running.app_alive():
        _signal(running.pid, signal.SIGKILL)


def _thaw(running: Running, group: Group | None) -> None:
    with contextlib.suppress(OSError):
        _hold(running, group, False)


def hold(store: ProcessStore, handle: Handle, group: Group | None, frozen: bool) -> None:
    running = store.running(handle)
    if running is not None:
        _hold(running, group, frozen)


def _hold(running: Running, group: Group | None, frozen: bool) -> None:
    """By the freezer, which no process can notice; else by stopping each process."""
    if group is not None:
        group.freeze(frozen)
        return
    for pid in descendants(running.keeper):
        _signal(pid, signal.SIGSTOP if frozen else signal.SIGCONT)


def held(running: Running, group: Group | None) -> bool:
    if group is not None:
        return group.frozen()
    return _stopped(running.pid)


def _stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except (OSError, IndexError):
        return False


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _ended(pidfd: int, seconds: float) -> bool:
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if poller.poll(min(left, 1.0) * 1000):
            return True
    return bool(poller.poll(0))
