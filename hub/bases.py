"""Base images for the builder: pulled where a registry can be reached, else made of local Pythons.

Implements `builder.bases.BaseImages`. It lives on the top floor because it joins the builder's wish
with the runtime's engine.
"""

from __future__ import annotations

import logging
import shutil
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from builder.bases import Base
from runtime.engine.base_tree import Interpreter, ask_interpreter, ensure_base
from runtime.engine.debian_tree import can_make, debian_reference, make_debian_tree
from spaceport.engine import ContainerSpec, Engine, Network
from spaceport.errors import SpaceportError

logger = logging.getLogger(__name__)

PYTHON = "/usr/local/bin/python3"
ASK_VERSION = "import platform; print(platform.python_version())"
NEWEST_MINOR, OLDEST_MINOR = 16, 8


class HostBases:
    """Calls block; the first for a version may pull an image or make a tree, later ones are quick.

    `folder` is where trees are kept (`data/bases`).
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self._turn = threading.Lock()
        self._had: dict[str, Base] = {}
        self._local: list[tuple[Path, Interpreter]] | None = None

    def base_for(self, python_version: str) -> Base | None:
        with self._turn:
            if python_version not in self._had:
                found = self._pulled(python_version) or self._made(python_version)
                if found is None:
                    return None
                self._had[python_version] = found
            return self._had[python_version]

    def with_packages(self, base: Base) -> Base | None:
        """A pulled base has apt; of a made one there is a Debian twin, where it can be made."""
        if base.packages or not can_make():
            return base if base.packages else None
        with self._turn:
            for prefix, interpreter in self._interpreters():
                if interpreter.version == base.version:
                    return self._debian(prefix, interpreter.version)
        return None

    def _debian(self, prefix: Path, version: str) -> Base:
        reference = debian_reference(prefix)
        if not self._engine.has_image(reference):
            tree = make_debian_tree(self._folder, prefix)
            self._engine.import_tree(tree.path, tree.reference, tree.env)
        return Base(reference, PYTHON, version, packages=True)

    def available(self) -> Sequence[str]:
        with self._turn:
            return [interpreter.version for _, interpreter in self._interpreters()]

    def _pulled(self, version: str) -> Base | None:
        reference = f"python:{version}-slim"
        if not self._engine.pull(reference):
            return None
        said: list[str] = []
        spec = ContainerSpec(
            name="ask-python-version",
            image=reference,
            command=(PYTHON, "-c", ASK_VERSION),
            network=Network.NONE,
        )
        ended = self._engine.run(spec, said.append, timeout=60)
        if ended.code != 0 or not said:
            logger.warning("%s was pulled but its Python does not run: %s", reference, said)
            return None
        return Base(reference, PYTHON, said[-1].strip(), packages=True)

    def _made(self, version: str) -> Base | None:
        for prefix, interpreter in self._interpreters():
            if _answers_to(interpreter.version, version):
                reference = ensure_base(self._engine, self._folder, prefix)
                return Base(reference, PYTHON, interpreter.version)
        return None

    def _interpreters(self) -> list[tuple[Path, Interpreter]]:
        """The Python that runs us first, then every other one on PATH, newest first."""
        if self._local is None:
            self._local = _find_interpreters()
        return self._local


def _answers_to(version: str, wanted: str) -> bool:
    """3.11.7 answers to 3.11 and to 3.11.7."""
    return version == wanted or version.startswith(f"{wanted}.")


def _find_interpreters() -> list[tuple[Path, Interpreter]]:
    prefixes = [Path(sys.base_prefix)]
    for minor in range(NEWEST_MINOR, OLDEST_MINOR - 1, -1):
        program = shutil.which(f"python3.{minor}")
        if program is not None:
            prefixes.append(Path(program).resolve().parent.parent)
    found: dict[str, tuple[Path, Interpreter]] = {}
    for prefix in prefixes:
        try:
            interpreter = ask_interpreter(prefix)
        except (SpaceportError, OSError, ValueError) as error:
            logger.debug("no usable Python in %s: %s", prefix, error)
            continue
        found.setdefault(interpreter.version, (prefix, interpreter))
    return list(found.values())
