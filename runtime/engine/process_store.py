"""The files of the process engine: images, and one folder for each container.

images/<name>/root, image.json      the tree, its environment
containers/<handle>/state.json      what it is: name, labels, number, address
                    running.json    its keeper, written once it runs
                    exit.json       how it ended
                    log, log.1      its output
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from runtime.engine.process_keeper import start_ticks, write_json
from spaceport.engine import EngineRefused, Exit, Handle, NoSuchContainer


@dataclass(frozen=True)
class State:
    """What was decided when a container was made; never a secret."""

    name: str
    labels: Mapping[str, str]
    index: int
    address: str
    group: str  # control group, or ""


@dataclass(frozen=True)
class Running:
    """The keeper, told from another process of the same number by when it was started."""

    keeper: int
    started: int
    pid: int  # the first process of the container
    pid_started: int

    def alive(self) -> bool:
        return _lives(self.keeper, self.started)

    def app_alive(self) -> bool:
        return _lives(self.pid, self.pid_started)


def _lives(pid: int, started: int) -> bool:
    """Whether that very process is there and not only waits to be taken notice of."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" and start_ticks(pid) == started
    except (OSError, IndexError):
        return False


class ProcessStore:
    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._images = self._root / "images"
        self._containers = self._root / "containers"

    def prepare(self) -> None:
        for folder in (self._images, self._containers):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def containers_folder(self) -> Path:
        return self._containers

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time over all processes: numbers and names are given out inside."""
        self.prepare()
        with (self._root / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def folder(self, handle: Handle) -> Path:
        return self._containers / handle

    def handles(self) -> list[Handle]:
        if not self._containers.is_dir():
            return []
        return sorted(entry.name for entry in self._containers.iterdir())

    def make(self, state: State) -> Handle:
        handle = secrets.token_hex(32)
        self.folder(handle).mkdir(mode=0o700)
        write_json(self.folder(handle) / "state.json", asdict(state))
        return handle

    def state(self, handle: Handle) -> State:
        """Raises `NoSuchContainer`."""
        found = self._read(handle, "state.json")
        if found is None:
            raise NoSuchContainer(f"There is no container {handle[:12]} any more.")
        return State(**found)

    def states(self) -> dict[Handle, State]:
        found = {}
        for handle in self.handles():
            with contextlib.suppress(NoSuchContainer):
                found[handle] = self.state(handle)
        return found

    def running(self, handle: Handle) -> Running | None:
        found = self._read(handle, "running.json")
        return None if found is None else Running(**found)

    def ended(self, handle: Handle) -> Exit | None:
        found = self._read(handle, "exit.json")
        return None if found is None else Exit(**found)

    def _read(self, handle: Handle, name: str) -> dict[str, Any] | None:
        if not handle.isalnum():
            return None
        try:
            found = json.loads((self.folder(handle) / name).read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def forget(self, handle: Handle) -> None:
        shutil.rmtree(self.folder(handle), ignore_errors=True)

    def image(self, reference: str) -> tuple[Path, dict[str, str]]:
        """The tree and its environment. Raises `EngineRefused`."""
        folder = self._images / quote(reference, safe="")
        try:
            env = json.loads((folder / "image.json").read_text())
        except (OSError, ValueError) as error:
            raise EngineRefused(f"No such image: {reference}") from error
        return folder / "root", {str(name): str(value) for name, value in env.items()}

    def has_image(self, reference: str) -> bool:
        return (self._images / quote(reference, safe="") / "image.json").exists()

    def add_image(self, tree: Path, reference: str, env: Mapping[str, str]) -> None:
        """By hard links where tree and store are on one file system; the tree is only read."""
        with self.locked():
            folder = self._images / quote(reference, safe="")
            half = folder.with_name(folder.name + ".half")
            shutil.rmtree(half, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)
            half.mkdir(mode=0o755)
            shutil.copytree(tree, half / "root", symlinks=True, copy_function=_link_or_copy)
            write_json(half / "image.json", dict(env))
            half.rename(folder)

    def remove_image(self, reference: str) -> None:
        shutil.rmtree(self._images / quote(reference, safe=""), ignore_errors=True)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
