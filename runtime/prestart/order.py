"""What is said to a waiting process (see builder/inside/prestart.py), and the code it finds."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from runtime.prestart.kind import PORT
from spaceport.engine import Engine, Handle

PATIENCE = 10.0  # seconds for the connection and for each line
MOST = 16 * 1024**2


class Caller:
    """One conversation. Leaving before `give` changes nothing; secrets go nowhere but here."""

    def __init__(self, engine: Engine, handle: Handle, key: str) -> None:
        """Raises `OSError`, and what `Engine.connect` does."""
        self._socket = engine.connect(handle, PORT, PATIENCE)
        self._socket.settimeout(PATIENCE)
        self._lines = self._socket.makefile("rwb")
        self._key = key

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._lines.close()
        self._socket.close()

    def read(self) -> list[str]:
        """The variables that had a say in what was imported. Raises `OSError`, `ValueError`."""
        self._lines.write(self._key.encode() + b"\n")
        return [str(name) for name in self._answer()["read"]]

    def give(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        """Returns when the order was taken. Raises `OSError`, `ValueError`."""
        order = {"command": list(command), "env": dict(env)}
        self._lines.write(json.dumps(order).encode() + b"\n")
        self._answer()

    def _answer(self) -> dict[str, Any]:
        self._lines.flush()
        line = self._lines.readline(MOST)
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the waiting process said nothing")
        found: dict[str, Any] = json.loads(line)
        return found


def lay(source: Path, target: Path) -> None:
    """The same tree below `target`, which is there and empty, by hard links: a mount cannot be
    added to a container that runs, but what is in a mounted folder can. Raises `OSError`."""
    with os.scandir(source) as entries:
        for entry in entries:
            place = target / entry.name
            if entry.is_dir(follow_symlinks=False):
                place.mkdir()
                place.chmod(0o755)
                lay(Path(entry.path), place)
            else:
                os.link(entry.path, place, follow_symlinks=False)
