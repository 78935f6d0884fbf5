"""How much memory, how many processes and files a container of either engine may have."""

from __future__ import annotations

import pytest

from spaceport.engine import Limits, Tmpfs
from tests.contracts.conftest import Rig

pytestmark = pytest.mark.engine
MIB = 1024**2


@pytest.mark.req("RUN-05")
def test_too_much_memory_is_told_as_such(rig: Rig) -> None:
    spec = rig.spec("x = bytearray(200 << 20); print(len(x))", limits=Limits(memory=64 * MIB))
    ended = rig.engine.run(spec, lambda _: None, timeout=60)
    assert (ended.code, ended.out_of_memory) == (137, True)


@pytest.mark.req("RUN-06")
def test_the_number_of_processes_is_limited(rig: Rig) -> None:
    code = """
import os, time
made = 0
try:
    while made < 200:
        if os.fork() == 0: time.sleep(30); os._exit(0)
        made += 1
except OSError as error:
    print("refused", made < 40)
"""
    assert rig.printed(code, limits=Limits(pids=40)) == ["refused True"]


@pytest.mark.req("RUN-06")
def test_a_tmpfs_has_its_size_and_mode(rig: Rig) -> None:
    code = """
import os
print(oct(os.stat("/scratch").st_mode & 0o7777))
try:
    open("/scratch/file", "wb").write(bytes(8 << 20))
except OSError as error:
    print(error.errno)
"""
    printed = rig.printed(code, tmpfs=(Tmpfs("/scratch", 4 * MIB, 0o1777),))
    assert printed == ["0o1777", "28"]


def test_open_files_and_core_dumps_are_limited(rig: Rig) -> None:
    code = "import resource as r; print(r.getrlimit(r.RLIMIT_NOFILE), r.getrlimit(r.RLIMIT_CORE))"
    assert rig.printed(code, limits=Limits(nofile=512)) == ["(512, 512) (0, 0)"]
