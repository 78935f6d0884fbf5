"""One process beside each sandboxed container: it outlives Spaceport and knows how the app ended.

Run as a script (`python -I -S process_keeper.py FOLDER own|host`), with the standard library alone.
It makes the container's network namespace and says `ready`; then it reads a launch (JSON, see
`process_launch.py`) from its standard input, starts the command, says `started`, and stays: it
stamps and keeps the output, hands TERM on to the app, gives out sockets of its network namespace,
and writes `exit.json` at the end. It is in the container's namespace but not in its limits.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import fcntl
import json
import os
import re
import resource
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

NEWNS, NEWUSER, NEWNET = 0x20000, 0x10000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
DISK = re.compile(r"/volumes/[^/]+/root$")  # where the disks of Spaces are mounted
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
LONGEST_LINE = 64 * 1024
DRAIN_SECONDS = 1.0
libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any) -> None:
    """A call of the C library that answers 0, or `OSError`."""
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def own_network() -> None:
    """Root needs only a network namespace; others own one through a user namespace."""
    if os.geteuid() == 0:
        call("unshare", NEWNET)
    else:
        uid, gid = os.geteuid(), os.getegid()
        call("unshare", NEWUSER | NEWNET)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    with contextlib.suppress(OSError):  # as with Docker, apps may listen on port 80
        Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        fcntl.ioctl(made, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


class Log:
    """Stamped lines in `log`, with the older half in `log.1`; no two lines have the same stamp."""

    def __init__(self, folder: Path, size: int) -> None:
        self._file = folder / "log"
        self._older = folder / "log.1"
        self._half = max(size // 2, 1024)
        self._rest = b""
        self._last = 0
        self._open()
        self.last_line = b""

    def _open(self) -> None:
        self._out = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._written = os.fstat(self._out).st_size

    def feed(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > LONGEST_LINE:
            whole.append(self._rest[:LONGEST_LINE])
            self._rest = self._rest[LONGEST_LINE:]
        if whole:
            self._write(whole)

    def _write(self, lines: list[bytes]) -> None:
        self.last_line = next((line for line in reversed(lines) if line.strip()), self.last_line)
        text = b"".join(self._stamp() + b" " + line + b"\n" for line in lines)
        with contextlib.suppress(OSError):  # a full disk must not stop the app
            self._written += os.write(self._out, text)
        if self._written > self._half:
            with contextlib.suppress(OSError):
                self._file.replace(self._older)
                os.close(self._out)
                self._open()

    def _stamp(self) -> bytes:
        self._last = max(time.time_ns(), self._last + 1)
        seconds, nanoseconds = divmod(self._last, 10**9)
        whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        return f"{whole}.{nanoseconds:09d}Z".encode()

    def close(self) -> None:
        if self._rest:
            self._write([self._rest])
        os.close(self._out)


def write_json(file: Path, value: object) -> None:
    """Whole or not at all, and only for its owner."""
    half = file.with_name(file.name + ".half")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        json.dump(value, out)
    half.replace(file)


def start_ticks(pid: int) -> int:
    """When a process was started, in the kernel's ticks: tells it from a later one (proc(5)).

    Raises `OSError` when it has ended.
    """
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def descendants(pid: int) -> list[int]:
    found = children(pid)
    for child in tuple(found):
        found += descendants(child)
    return found


def stage(sources: list[str], place: str) -> None:
    """Make every source reachable below `place` for a user who may not walk to where it is.

    In a mount namespace of this process alone; done by root before it gives up its rights. It has
    copies of all mounts, and as long as any namespace has a Space's disk, that stays in use.
    """
    call("unshare", NEWNS)
    call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    opened = [os.open(source, os.O_PATH | os.O_CLOEXEC) for source in sources]
    call("mount", b"tmpfs", place.encode(), b"tmpfs", 0, b"mode=755,size=1m")
    for number, descriptor in enumerate(opened):
        target = Path(place) / str(number)
        if Path(f"/proc/self/fd/{descriptor}").is_dir():
            target.mkdir(mode=0o755)
        else:
            target.touch(mode=0o644)
        source = f"/proc/self/fd/{descriptor}".encode()
        call("mount", source, str(target).encode(), None, MS_BIND | MS_REC, None)
        os.close(descriptor)
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        mounted = line.split()[4].encode().decode("unicode_escape")
        if DISK.search(mounted):
            libc.umount2(mounted.encode(), MNT_DETACH)


def memory_file(content: bytes) -> int:
    descriptor = os.memfd_create("launch", 0)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def become(launch: dict[str, Any], info: int) -> None:
    """In the child: take the limits on, give up rights, and turn into the command."""
    for file in launch["groups"]:
        Path(file).write_text(str(os.getpid()))
    for name, value in launch["rlimits"].items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (allowed, allowed))
    Path("/proc/self/oom_score_adj").write_text(str(launch["oom_score_adj"]))
    if launch["nice"]:
        os.nice(launch["nice"])
    if launch["staged"]:
        stage(launch["staged"], launch["stage"])
    if launch["uid"] is not None:
        os.setgroups([])
        os.setresgid(launch["uid"], launch["uid"], launch["uid"])
        os.setresuid(launch["uid"], launch["uid"], launch["uid"])
    os.umask(0o022)
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and that is inherited
        signal.signal(ignored, signal.SIG_DFL)
    command = list(launch["command"])
    if launch["sandbox"] is not None:
        options = [*launch["sandbox"], "--info-fd", str(info)]
        if launch["seccomp"]:
            options += ["--seccomp", str(memory_file(base64.b64decode(launch["seccomp"])))]
        # By a file, because the environment in it would else stand on a command line.
        listed = memory_file(b"".join(option.encode() + b"\0" for option in options))
        command = [command[0], "--args", str(listed), "--", *command[1:]]
        os.chdir("/")
    else:
        os.close(info)
        os.chdir(launch["cwd"])
    os.execvpe(command[0], command, launch["env"])  # noqa: S606  there is no shell on purpose


class Keeper:
    """Starts the command, and stays until it has ended."""

    def __init__(self, folder: Path, launch: dict[str, Any]) -> None:
        self._folder = folder
        self._launch = launch
        self._log = Log(folder, launch["log_size"])
        self._sandboxed = launch["sandbox"] is not None
        self._code: int | None = None

    def start(self) -> str:
        """Empty, or why the command could not be started at all."""
        self._listen()
        self._output, output = os.pipe()
        info_read, info = os.pipe()
        error_read, error = os.pipe()
        self._signals, self._signalled = os.pipe()
        os.set_blocking(self._signalled, False)
        self._child = os.fork()
        if self._child == 0:
            self._be_child(output, info, error)
        for descriptor in (output, info, error):
            os.close(descriptor)
        with os.fdopen(error_read, "rb") as failed:
            text = failed.read().decode(errors="replace")
        with os.fdopen(info_read, "rb") as told:
            self._first = self._first_process(told.read())
        if not text:
            write_json(
                self._folder / "running.json",
                {
                    "keeper": os.getpid(),
                    "started": start_ticks(os.getpid()),
                    "pid": self._first,
                    "pid_started": self._ticks(),
                },
            )
        return text

    def _be_child(self, output: int, info: int, error: int) -> None:
        try:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDONLY)
            for descriptor, number in ((nothing, 0), (output, 1), (output, 2)):
                os.dup2(descriptor, number)
            os.set_inheritable(info, True)
            become(self._launch, info)
        except BaseException as failure:
            os.write(error, f"{failure}".encode())
        os._exit(127)

    def _first_process(self, told: bytes) -> int:
        with contextlib.suppress(ValueError, KeyError):
            return int(json.loads(told)["child-pid"])
        return self._child

    def _ticks(self) -> int:
        try:
            return start_ticks(self._first)
        except (OSError, IndexError):
            return 0  # it has ended already

    def _listen(self) -> None:
        """The name is taken relative to the folder: a socket's path must be short."""
        os.chdir(self._folder)
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._door.bind("dial.sock")
        self._door.listen(128)
        self._door.setblocking(False)

    def stay(self) -> None:
        call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        signal.set_wakeup_fd(self._signalled, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, self._on_signal)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        poller = select.poll()
        for descriptor in (self._output, self._signals, self._door.fileno()):
            poller.register(descriptor, select.POLLIN)
        deadline = None
        open_output = True
        self._reap()
        while self._code is None or (open_output and time.monotonic() < (deadline or 0.0)):
            for descriptor, _ in poller.poll(None if self._code is None else 50):
                if descriptor == self._output:
                    open_output = self._take_output()
                    if not open_output:
                        poller.unregister(self._output)
                elif descriptor == self._signals:
                    os.read(self._signals, 4096)
                else:
                    self._hand_out()
            self._reap()
            if self._code is not None and deadline is None:
                self._end_rest()
                deadline = time.monotonic() + DRAIN_SECONDS
        self._finish(self._code if self._code is not None else 137)

    def _on_signal(self, number: int, _: object) -> None:
        if number == signal.SIGTERM:
            app = children(self._first) if self._sandboxed else [self._child]
            for pid in app[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)

    def _take_output(self) -> bool:
        data = os.read(self._output, 65536)
        self._log.feed(data)
        return bool(data)

    def _hand_out(self) -> None:
        """A new socket of this network namespace, for the other side to connect."""
        with contextlib.suppress(OSError):
            asking, _ = self._door.accept()
            with asking, socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
                socket.send_fds(asking, [b"s"], [made.fileno()])

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._child:
                code = os.waitstatus_to_exitcode(status)
                self._code = code if code >= 0 else 128 - code

    def _end_rest(self) -> None:
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def _finish(self, code: int) -> None:
        self._log.close()
        words = self._log.last_line.decode("utf-8", errors="replace")
        error = ""
        if self._sandboxed and code == 1 and words.startswith("bwrap: "):
            code = 126 if words.endswith("Permission denied") else 127
            error = words.removeprefix("bwrap: ")
        memory = killed_for_memory(self._launch["memory_events"])
        write_json(
            self._folder / "exit.json", {"code": code, "out_of_memory": memory, "error": error}
        )


def killed_for_memory(file: str | None) -> bool:
    """From memory.oom_control (version 1) or memory.events (version 2): `oom_kill N`."""
    if file is None:
        return False
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return False
    counts = [line.split()[1] for line in lines if line.startswith("oom_kill ")]
    return any(count != "0" for count in counts)


def say(text: str) -> None:
    os.write(1, text.encode() + b"\n")


def main(folder: Path, network: str) -> int:
    os.umask(0o077)
    try:
        if network == "own":
            own_network()
        say("ready")
        launch = json.load(sys.stdin)
        keeper = Keeper(folder, launch)
        failed = keeper.start()
    except (OSError, ValueError) as error:
        failed = str(error)
    if failed:
        say(f"failed {failed}")
        return 1
    say("started")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    keeper.stay()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
