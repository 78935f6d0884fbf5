"""Containers of either engine are stopped, and it is told when one has ended."""

from __future__ import annotations

import threading
import time

import pytest

from spaceport.engine import ContainerState
from tests.contracts.conftest import Rig
from tests.contracts.programs import FOREVER, first_line
from tests.waiting import eventually

pytestmark = pytest.mark.engine


def test_stop_asks_first(rig: Rig) -> None:
    code = """
import signal, sys, time
def bye(*_): print("bye"); sys.exit(5)
signal.signal(signal.SIGTERM, bye); print("up"); time.sleep(600)
"""
    handle = rig.started(code)
    eventually(lambda: first_line(rig, handle))
    rig.engine.stop(handle, 20)
    seen = rig.engine.inspect(handle)
    assert (seen.state, seen.exit and seen.exit.code) == (ContainerState.EXITED, 5)
    assert [line.text for line in rig.engine.logs(handle)] == ["up", "bye"]


@pytest.mark.req("RUN-09")
def test_stop_means_stop(rig: Rig) -> None:
    code = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0: os.setsid()
print("up"); time.sleep(600)
"""
    handle = rig.started(code)
    eventually(lambda: first_line(rig, handle))
    rig.engine.stop(handle, 1)
    ended = rig.engine.inspect(handle).exit
    assert ended is not None
    assert (ended.code, ended.out_of_memory) == (137, False)


def test_a_plain_program_ends_by_term(rig: Rig) -> None:
    handle = rig.started("print('up')\n" + FOREVER)
    eventually(lambda: first_line(rig, handle))
    rig.engine.stop(handle, 20)
    ended = rig.engine.inspect(handle).exit
    assert ended is not None
    assert ended.code == 143


def test_wait_returns_at_the_end(rig: Rig) -> None:
    handle = rig.started("import time; time.sleep(0.3); raise SystemExit(9)")
    assert rig.engine.wait(handle).code == 9


def test_watch_names_what_ended(rig: Rig) -> None:
    seen: list[str] = []
    over = threading.Event()
    thread = threading.Thread(target=rig.engine.watch, args=(seen.append, over.is_set))
    thread.start()
    try:
        handle = rig.started("import time; time.sleep(0.5)")
        eventually(lambda: handle in seen and rig.engine.inspect(handle).exit is not None)
        seen.clear()
        other = rig.started(FOREVER)
        rig.engine.stop(other, 0)
        eventually(lambda: other in seen)
    finally:
        over.set()
        before = time.monotonic()
        thread.join(10)
    assert not thread.is_alive()
    assert time.monotonic() - before < 10
