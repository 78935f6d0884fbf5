"""A Docker Engine of our own, in a network namespace of its own, to be killed and started again.

In the namespace of another engine it would delete that one's bridge.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from config.engine import EngineSettings
from runtime.engine.docker_engine import DockerEngine
from spaceport.errors import SpaceportError
from tests.waiting import eventually


class OwnEngine:
    """`up` and `kill` may be repeated; `close` leaves nothing behind."""

    def __init__(self, folder: Path, name: str, *, tools: Path | None = None) -> None:
        """`tools`: a folder that the daemon looks for programs in before any other."""
        self.folder = folder
        self._path = os.environ["PATH"] if tools is None else f"{tools}:{os.environ['PATH']}"
        self.name = name
        self.socket = folder / "docker.sock"
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && exec sleep infinity"]
        )
        eventually(self._namespace_is_there, 10)
        self._process: subprocess.Popen[bytes] | None = None

    def _namespace_is_there(self) -> bool:
        own = Path("/proc/self/ns/net").readlink()
        return Path(f"/proc/{self._holder.pid}/ns/net").readlink() != own

    @property
    def settings(self) -> EngineSettings:
        return EngineSettings(docker_host=f"unix://{self.socket}", firewall=False)

    def up(self) -> None:
        # Where nobody reaps, a killed containerd stays a zombie that a new daemon takes for alive.
        (self.folder / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)
        net = f"--net=/proc/{self._holder.pid}/ns/net"
        log = (self.folder / "dockerd.log").open("ab")
        self._process = subprocess.Popen(
            [
                "nsenter",
                net,
                "dockerd",
                f"--data-root={self.folder / 'data'}",
                f"--exec-root={self.folder / 'exec'}",
                f"--pidfile={self.folder / 'pid'}",
                f"--host=unix://{self.socket}",
                f"--cgroup-parent={self.name}",
            ],
            stdout=log,
            stderr=log,
            env={**os.environ, "PATH": self._path},
        )
        log.close()
        eventually(self.answers, 60)

    def answers(self) -> bool:
        engine = DockerEngine(self.settings, "probe")
        try:
            engine.probe()
        except SpaceportError:
            return False
        finally:
            engine.close()
        return True

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End the daemon; its containerd goes with it, the containers only if told nicely."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.kill(signal.SIGTERM)
        for found in Path("/proc").glob("[0-9]*/cmdline"):
            self._end_if_ours(found)
        self._holder.kill()
        self._holder.wait()
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted(mounts, reverse=True):
            if mount.startswith(str(self.folder)):
                subprocess.run(["umount", "-l", mount], check=False)
        for group in sorted(Path("/sys/fs/cgroup").glob(f"**/{self.name}"), reverse=True):
            for inner in sorted(group.glob("**/"), key=lambda path: -len(path.parts)):
                inner.rmdir()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end_if_ours(self, cmdline: Path) -> None:
        """By what is written in its command line: the folder that no other process names."""
        try:
            words = cmdline.read_bytes()
        except OSError:
            return
        pid = int(cmdline.parent.name)
        if str(self.folder).encode() in words and pid != os.getpid():
            os.kill(pid, signal.SIGKILL)
