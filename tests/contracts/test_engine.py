"""What every container engine must do (spaceport/engine.py), asked of each with real containers."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from spaceport.engine import (
    ContainerState,
    EngineRefused,
    Limits,
    LogLine,
    Mount,
    Network,
    NoSuchContainer,
    Tmpfs,
)
from tests.contracts.conftest import Rig
from tests.waiting import eventually

pytestmark = pytest.mark.engine

MIB = 1024**2
FOREVER = "import time; time.sleep(600)"
SERVER = """
import socket, sys
listener = socket.create_server((sys.argv[1] if len(sys.argv) > 1 else "0.0.0.0", 7860))
print("up")
while True:
    client, _ = listener.accept()
    client.sendall(b"hello from " + MARK)
    client.close()
"""


def server(mark: str) -> str:
    return SERVER.replace("MARK", repr(mark.encode()))


def answer(rig: Rig, handle: str, port: int = 7860) -> bytes:
    """What the server says, once it listens."""

    def ask() -> bytes:
        try:
            made = rig.engine.connect(handle, port, 5)
        except ConnectionRefusedError:
            return b""
        made.setblocking(True)
        with made:
            return made.recv(1000)

    return eventually(ask)


def test_run_streams_lines_and_tells_the_exit_code(rig: Rig) -> None:
    lines: list[str] = []
    spec = rig.spec("import sys; print('one'); print('twø', file=sys.stderr); sys.exit(7)")
    ended = rig.engine.run(spec, lines.append, timeout=60)
    assert (sorted(lines), ended.code, ended.out_of_memory) == (["one", "twø"], 7, False)
    assert rig.engine.list({}) == []


def test_lines_come_while_it_runs(rig: Rig, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    code = (
        "import os, time\nprint('first')\n"
        "while not os.path.exists('/go/now'): time.sleep(0.02)\nprint('second')"
    )
    lines: list[str] = []

    def output(line: str) -> None:
        lines.append(line)
        (tmp_path / "now").touch()  # only because the first line came does the program go on

    rig.engine.run(rig.spec(code, mounts=(Mount(tmp_path, "/go"),)), output, timeout=60)
    assert lines == ["first", "second"]


def test_a_line_without_an_end_and_a_very_long_one(rig: Rig) -> None:
    lines = rig.printed("import sys; print('x' * 300_000); sys.stdout.write('end')")
    assert "".join(lines) == "x" * 300_000 + "end"


def test_much_output_arrives_whole(rig: Rig) -> None:
    lines = rig.printed("for n in range(20_000): print(n)")
    assert lines == [str(n) for n in range(20_000)]


@pytest.mark.req("BLD-11")
def test_run_ends_in_time_and_leaves_nothing(rig: Rig) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(600)"
    with pytest.raises(TimeoutError):
        rig.engine.run(rig.spec(code), lambda _: None, timeout=1.5)
    assert rig.engine.list({}) == []


@pytest.mark.req("BLD-11")
def test_run_is_cancelled_and_leaves_nothing(rig: Rig) -> None:
    seen: list[str] = []
    with pytest.raises(InterruptedError):
        rig.engine.run(
            rig.spec("print('up')\n" + FOREVER),
            seen.append,
            timeout=60,
            cancelled=lambda: bool(seen),
        )
    assert seen == ["up"]
    assert rig.engine.list({}) == []


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


def test_a_missing_mount_is_refused(rig: Rig, tmp_path: Path) -> None:
    with pytest.raises(EngineRefused):
        rig.started(FOREVER, mounts=(Mount(tmp_path / "absent", "/data"),))
    assert rig.engine.list({}) == []


def test_a_missing_image_is_refused(rig: Rig) -> None:
    with pytest.raises(EngineRefused, match="No such image"):
        rig.started(FOREVER, image="spaceport-test:absent")


def test_a_command_that_is_not_there(rig: Rig) -> None:
    spec = rig.spec("", command=("no-such-program",))
    ended = rig.engine.run(spec, lambda _: None, timeout=60)
    assert ended.code == 127
    assert "no-such-program" in ended.error
    handle = rig.engine.start(spec)
    ended = rig.engine.wait(handle)
    assert "no-such-program" in ended.error


def test_connect_reaches_the_app_and_nothing_else(rig: Rig) -> None:
    handle = rig.started(server("me"))
    assert answer(rig, handle) == b"hello from me"
    with pytest.raises(ConnectionRefusedError):
        rig.engine.connect(handle, 7861, 5)
    assert not rig.engine.connect(handle, 7860, 5).getblocking()


@pytest.mark.parametrize("network", list(Network))
def test_connect_needs_no_way_out(rig: Rig, network: Network) -> None:
    if rig.kind == "process" and network is Network.BUILD:
        pytest.skip("builds are not visited")
    assert answer(rig, rig.started(server("x"), network=network)) == b"hello from x"


@pytest.mark.req("PX-18")
def test_connect_is_bound_to_the_container(rig: Rig) -> None:
    first = rig.started(server("first"), name="swap")
    assert answer(rig, first) == b"hello from first"
    second = rig.started(server("second"), name="swap")  # takes the name, and often the address
    assert answer(rig, second) == b"hello from second"
    with pytest.raises(NoSuchContainer):
        rig.engine.connect(first, 7860, 5)


@pytest.mark.req("RUN-11")
def test_listening_tells_loopback_from_everywhere(rig: Rig) -> None:
    code = """
import socket, time
socket.create_server(("127.0.0.1", 5000))
keep = [socket.create_server(("127.0.0.1", 5001)), socket.create_server(("0.0.0.0", 5002)),
        socket.create_server(("::", 5003), family=socket.AF_INET6)]
print("up"); time.sleep(600)
"""
    handle = rig.started(code)
    eventually(lambda: len(rig.engine.listening(handle)) == 3)
    found = rig.engine.listening(handle)
    assert {(one.address, one.port) for one in found} == {
        ("127.0.0.1", 5001), ("0.0.0.0", 5002), ("::", 5003),
    }  # fmt: skip


def test_logs_are_followed_to_the_end_with_stamps(rig: Rig) -> None:
    code = "import time\nfor n in range(5): print('line', n); time.sleep(0.05)"
    handle = rig.started(code)
    lines = list(rig.engine.logs(handle))
    assert [line.text for line in lines] == [f"line {n}" for n in range(5)]
    stamps = [line.stamp for line in lines]
    assert stamps == sorted(set(stamps))
    assert all(stamp.endswith("Z") and "T" in stamp for stamp in stamps)


def test_logs_since_leaves_out_what_is_known(rig: Rig) -> None:
    handle = rig.started("for n in range(5): print(n)")
    lines = list(rig.engine.logs(handle))
    for at in range(5):
        rest = rig.engine.logs(handle, since=lines[at].stamp)
        assert [line.text for line in rest] == [line.text for line in lines[at + 1 :]]


def test_logs_are_capped(rig: Rig) -> None:
    handle = rig.started("for n in range(400_000): print('%0100d' % n)")
    rig.engine.wait(handle)
    kept = list(rig.engine.logs(handle))
    assert kept[-1].text == "399999".zfill(100)
    assert len(kept) < 200_000


def test_stop_asks_first(rig: Rig) -> None:
    code = """
import signal, sys, time
def bye(*_): print("bye"); sys.exit(5)
signal.signal(signal.SIGTERM, bye); print("up"); time.sleep(600)
"""
    handle = rig.started(code)
    eventually(lambda: _first_line(rig, handle))
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
    eventually(lambda: _first_line(rig, handle))
    rig.engine.stop(handle, 1)
    ended = rig.engine.inspect(handle).exit
    assert ended is not None
    assert (ended.code, ended.out_of_memory) == (137, False)


def _first_line(rig: Rig, handle: str) -> LogLine | None:
    return next(iter(rig.engine.logs(handle)), None)


def test_a_plain_program_ends_by_term(rig: Rig) -> None:
    handle = rig.started("print('up')\n" + FOREVER)
    eventually(lambda: _first_line(rig, handle))
    rig.engine.stop(handle, 20)
    ended = rig.engine.inspect(handle).exit
    assert ended is not None
    assert ended.code == 143


@pytest.mark.req("RUN-09")
def test_freeze_and_thaw(rig: Rig) -> None:
    handle = rig.started("import time\nfor n in range(10**6): print(n); time.sleep(0.01)")
    eventually(lambda: _first_line(rig, handle))
    rig.engine.freeze(handle)
    assert rig.engine.inspect(handle).state is ContainerState.FROZEN
    assert [found.state for found in rig.engine.list({})] == [ContainerState.FROZEN]
    rig.engine.thaw(handle)
    assert rig.engine.inspect(handle).state is ContainerState.RUNNING
    rig.engine.freeze(handle)
    rig.engine.stop(handle, 1)
    assert rig.engine.inspect(handle).state is ContainerState.EXITED


@pytest.mark.req("RUN-09")
def test_what_it_uses_is_told_also_while_it_is_frozen(rig: Rig) -> None:
    code = "held = bytearray(b'x') * (64 * 2**20)\nprint('up')\nwhile True: pass"
    handle = rig.started(code, limits=Limits(cpus=1, memory=256 * 2**20))
    eventually(lambda: _first_line(rig, handle))
    first = rig.engine.usage(handle)
    later = eventually(
        lambda: now if (now := rig.engine.usage(handle)).cpu_seconds > first.cpu_seconds else None
    )
    assert 64 * 2**20 <= later.memory <= 256 * 2**20
    assert later.memory_limit == 256 * 2**20
    assert later.received is not None
    assert later.sent is not None
    rig.engine.freeze(handle)
    held = rig.engine.usage(handle)
    assert rig.engine.usage(handle).cpu_seconds == held.cpu_seconds
    assert rig.engine.inspect(handle).state is ContainerState.FROZEN
    rig.engine.remove(handle)
    with pytest.raises(NoSuchContainer):
        rig.engine.usage(handle)


def test_it_is_found_again_by_another_engine_object(rig: Rig) -> None:
    handle = rig.started(server("kept"), labels={"spaceport.space": "s1"})
    assert answer(rig, handle) == b"hello from kept"
    other = rig.again()
    try:
        (found,) = other.list({"spaceport.space": "s1"})
        assert (found.handle, found.state) == (handle, ContainerState.RUNNING)
        made = other.connect(handle, 7860, 5)
        made.setblocking(True)
        assert made.recv(100) == b"hello from kept"
        made.close()
        other.stop(handle, 1)
    finally:
        other.close()
    assert rig.engine.inspect(handle).state is ContainerState.EXITED


def test_list_tells_labels_and_how_it_ended(rig: Rig) -> None:
    ended = rig.started("raise SystemExit(3)", labels={"spaceport.space": "a"})
    rig.started(FOREVER, labels={"spaceport.space": "b"})
    rig.engine.wait(ended)
    (found,) = rig.engine.list({"spaceport.space": "a"})
    assert (found.handle, found.exit and found.exit.code) == (ended, 3)
    assert found.labels["spaceport.space"] == "a"
    assert len(rig.engine.list({})) == 2
    assert rig.engine.list({"spaceport.space": "c"}) == []


def test_a_name_is_used_again(rig: Rig) -> None:
    first = rig.started(FOREVER, name="same")
    second = rig.started(FOREVER, name="same")
    assert [found.handle for found in rig.engine.list({})] == [second]
    with pytest.raises(NoSuchContainer):
        rig.engine.inspect(first)


def test_what_is_gone_may_be_stopped_and_removed_but_not_looked_at(rig: Rig) -> None:
    handle = rig.started(FOREVER)
    rig.engine.remove(handle)
    rig.engine.remove(handle)
    rig.engine.stop(handle, 1)
    for call in (rig.engine.inspect, rig.engine.wait, rig.engine.freeze, rig.engine.logs):
        with pytest.raises(NoSuchContainer):
            call(handle)
    with pytest.raises(NoSuchContainer):
        rig.engine.connect(handle, 7860, 1)


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


def test_a_low_priority_container_runs(rig: Rig) -> None:
    assert rig.printed("print('built')", low_priority=True, network=Network.BUILD) == ["built"]


def test_a_folder_becomes_an_image(rig: Rig, tmp_path: Path) -> None:
    reference = f"spaceport-test:{tmp_path.name}".lower().replace("_", "-")[:60]
    tree = tmp_path / "tree"
    for folder in ("usr/bin", "proc", "dev", "tmp", "etc", "sys", "home/user"):
        (tree / folder).mkdir(parents=True)
    (tree / "bin").symlink_to("usr/bin")
    (tree / "etc" / "resolv.conf").touch()
    (tree / "usr" / "bin" / "sh").write_bytes(Path("/usr/bin/busybox").read_bytes())
    (tree / "usr" / "bin" / "sh").chmod(0o755)
    assert not rig.engine.has_image(reference)
    rig.engine.import_tree(tree, reference, {"PATH": "/usr/bin", "SAYING": 'a "b" $c\\d'})
    try:
        assert rig.engine.has_image(reference)
        command = ("sh", "-c", 'echo "$SAYING"')
        assert rig.printed("", image=reference, command=command) == ['a "b" $c\\d']
    finally:
        rig.engine.remove_image(reference)
    assert not rig.engine.has_image(reference)
    rig.engine.remove_image(reference)


def test_what_no_registry_has_cannot_be_pulled(rig: Rig) -> None:
    assert not rig.engine.pull("spaceport.invalid/never:was")
    assert not rig.engine.pull("spaceport.invalid/never:was")


def test_the_probe_answers(rig: Rig) -> None:
    info = rig.engine.probe()
    assert info.name == rig.kind == rig.engine.name
    assert info.cpus >= 1
    assert info.memory > 100 * MIB
    assert info.can_freeze


@pytest.mark.req("RUN-03")
def test_nothing_listens_on_the_host(rig: Rig) -> None:
    def ports() -> set[str]:
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        return {line.split()[1] for line in lines if line.split()[3] == "0A"}

    handle = rig.started(server("x"))
    assert answer(rig, handle)
    assert not [port for port in ports() if port.endswith(f":{7860:04X}")]


@pytest.mark.req("BLD-15")
def test_the_engines_socket_is_not_inside(rig: Rig) -> None:
    code = "import glob; print(glob.glob('/run/*.sock'), glob.glob('/var/run/*.sock'))"
    assert rig.printed(code) == ["[] []"]
