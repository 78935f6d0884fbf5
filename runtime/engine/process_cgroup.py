"""The limits of one sandboxed container, as control groups of its own. Needs root, else none."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from runtime.engine.cgroups import ROOT, V1_CONTROLLERS, limit_group, prepare_parent, version
from runtime.engine.weights import LOW_SHARES, NORMAL_SHARES
from spaceport.engine import Limits

_V2_CONTROLLERS = "+cpu +memory +pids"
_REMOVE_WITHIN = 5.0


@dataclass(frozen=True)
class Group:
    """`name` below each controller's root (version 1) or below the one root (version 2)."""

    name: str
    root: Path = ROOT

    @property
    def _folders(self) -> list[Path]:
        if version(self.root) == 2:
            return [self.root / self.name]
        return [self.root / controller / self.name for controller in V1_CONTROLLERS]

    def make(self, limits: Limits, low_priority: bool) -> bool:
        """False when we may not, or the kernel lacks a controller; then nothing is left behind."""
        try:
            for folder in self._folders:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            self.remove()
            return False
        made = limit_group(
            self.name,
            cpus=limits.cpus,
            memory=limits.memory,
            pids=limits.pids,
            shares=LOW_SHARES if low_priority else NORMAL_SHARES,
            root=self.root,
        )
        if not made:
            self.remove()
        return made

    @property
    def doors(self) -> list[str]:
        """The files into which a process writes its number to be in the group."""
        return [str(folder / "cgroup.procs") for folder in self._folders]

    @property
    def memory_events(self) -> str:
        """Where the kernel counts whom it killed for memory."""
        if version(self.root) == 2:
            return str(self.root / self.name / "memory.events")
        return str(self.root / "memory" / self.name / "memory.oom_control")

    @property
    def _freezer(self) -> Path:
        if version(self.root) == 2:
            return self.root / self.name / "cgroup.freeze"
        return self.root / "freezer" / self.name / "freezer.state"

    def freeze(self, frozen: bool) -> None:
        """Raises `OSError` where there is no freezer."""
        words = ("1", "0") if version(self.root) == 2 else ("FROZEN", "THAWED")
        self._freezer.write_text(words[0] if frozen else words[1])

    def frozen(self) -> bool:
        try:
            return self._freezer.read_text().strip() in ("1", "FROZEN", "FREEZING")
        except OSError:
            return False

    def kill(self) -> None:
        """Every process in it, also one that a fork bomb makes meanwhile."""
        deadline = time.monotonic() + _REMOVE_WITHIN
        with contextlib.suppress(OSError):
            self.freeze(False)
        while (pids := self._pids()) and time.monotonic() < deadline:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)

    def _pids(self) -> list[int]:
        for folder in self._folders:
            with contextlib.suppress(OSError):
                return [int(pid) for pid in (folder / "cgroup.procs").read_text().split()]
        return []

    def remove(self) -> None:
        """The kernel lets go a moment after the last process has ended."""
        deadline = time.monotonic() + _REMOVE_WITHIN
        for folder in self._folders:
            while folder.exists():
                with contextlib.suppress(OSError):
                    folder.rmdir()
                    break
                if time.monotonic() > deadline:
                    break
                time.sleep(0.01)


def parent_group(instance: str, shares: int, root: Path = ROOT) -> str:
    """The group of all containers of an instance; returns its name."""
    name = f"spaceport-{instance}"
    if version(root) == 2:
        _hand_down(root)
    prepare_parent(name, shares, root)
    if version(root) == 2:
        _hand_down(root / name)
    return name


def _hand_down(folder: Path) -> bool:
    """Let the groups below have limits; refused where processes are in `folder` itself."""
    control = folder / "cgroup.subtree_control"
    with contextlib.suppress(OSError):
        control.write_text(_V2_CONTROLLERS)
    try:
        return {"cpu", "memory", "pids"} <= set(control.read_text().replace("+", "").split())
    except OSError:
        return False


def available(root: Path = ROOT) -> bool:
    """Whether groups can be made: as root, where they are writable and hand controllers down."""
    if os.geteuid() != 0 or version(root) == 0:
        return False
    if version(root) == 2:
        return _hand_down(root)
    return all(os.access(root / controller, os.W_OK) for controller in V1_CONTROLLERS)
