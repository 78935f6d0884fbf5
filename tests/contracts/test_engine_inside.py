"""What a program finds inside a container of either engine, and what it may do there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spaceport.engine import Mount
from tests.contracts.conftest import Rig
from tests.contracts.programs import FOREVER

pytestmark = pytest.mark.engine


@pytest.mark.req("RUN-04")
def test_the_environment_is_the_images_and_the_specs(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACEPORT_CANARY", "must not arrive")
    odd = "".join(chr(code) for code in range(1, 0x250) if not 0x7F <= code < 0xA0)
    env = {"GREETING": "two\nlines = 'quoted' $HOME", "ODD": odd, "EMPTY": ""}
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    found = json.loads("".join(rig.printed(code, env=env)))
    assert {name: found.pop(name) for name in env} == env
    assert set(found) <= {"PATH", "LANG", "HOME", "HOSTNAME", "PWD"}
    assert found["HOME"] == "/home/user"


@pytest.mark.req("KEY-06")
def test_the_environment_is_on_no_command_line(rig: Rig) -> None:
    secret = "canary-5f1c9a4be2"
    rig.started(FOREVER, env={"TOKEN": secret})
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(process.read_bytes())
        except OSError:
            continue
    assert not [line for line in lines if secret.encode() in line]


@pytest.mark.req("RUN-01")
def test_the_process_has_no_rights(rig: Rig) -> None:
    code = "import os; print(os.getuid(), os.getgid()); print(open('/proc/self/status').read())"
    who, *status = rig.printed(code)
    facts = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    assert who == "1000 1000"
    assert {facts[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")


@pytest.mark.req("RUN-07")
def test_system_calls_that_no_app_needs_are_refused(rig: Rig) -> None:
    code = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def refused(number, *arguments):
    ctypes.set_errno(0)
    return libc.syscall(number, *arguments) == -1 and ctypes.get_errno() in (1, 38)
machine = os.uname().machine
calls = {"x86_64": {"unshare": 272, "bpf": 321, "keyctl": 250, "perf_event_open": 298,
    "userfaultfd": 323, "mount": 165, "ptrace": 101, "init_module": 175, "io_uring_setup": 425,
    "process_vm_readv": 310}}[machine]
print([name for name, number in calls.items() if not refused(number, 0x10000000, 0, 0, 0, 0)])
try:
    socket.socket(38, socket.SOCK_SEQPACKET)  # AF_ALG
    print("made")
except OSError as error:
    print(error.errno)
"""
    assert rig.printed(code) == ["[]", "1"]


def test_threads_processes_and_sockets_work(rig: Rig) -> None:
    code = """
import asyncio, multiprocessing, socket, subprocess, threading
thread = threading.Thread(target=print, args=("thread",)); thread.start(); thread.join()
print(subprocess.run(["sh", "-c", "echo shell"], capture_output=True, text=True).stdout.strip())
with multiprocessing.get_context("fork").Pool(2) as pool: print(pool.map(abs, [-1, -2]))
async def main(): return await asyncio.sleep(0, "loop")
print(asyncio.run(main()), socket.create_server(("127.0.0.1", 0)).getsockname()[0])
"""
    assert rig.printed(code) == ["thread", "shell", "[1, 2]", "loop 127.0.0.1"]


@pytest.mark.req("RUN-01")
def test_the_root_is_read_only_and_mounts_are_what_they_say(rig: Rig, tmp_path: Path) -> None:
    for name in ("fixed", "open"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
    code = """
for place in ("/", "/usr", "/etc", "/opt/fixed", "/opt/open"):
    try:
        open(place + "/probe", "w").write("x"); print(place, "written")
    except OSError as error:
        print(place, error.errno)
"""
    mounts = (
        Mount(tmp_path / "fixed", "/opt/fixed"),
        Mount(tmp_path / "open", "/opt/open", read_only=False),
    )
    printed = rig.printed(code, mounts=mounts)
    assert printed == ["/ 30", "/usr 30", "/etc 30", "/opt/fixed 30", "/opt/open written"]
    assert (tmp_path / "open" / "probe").read_text() == "x"


@pytest.mark.req("BLD-15")
def test_the_engines_socket_is_not_inside(rig: Rig) -> None:
    code = "import glob; print(glob.glob('/run/*.sock'), glob.glob('/var/run/*.sock'))"
    assert rig.printed(code) == ["[] []"]
