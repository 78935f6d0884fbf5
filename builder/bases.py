"""Which interpreter, and so which base, a Space gets."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from builder.failed import BuildFailed
from spaceport.cause import Cause


@dataclass(frozen=True)
class Base:
    """A base image that the engine can start: an interpreter and its libraries.

    `reference` must name the content (a digest, or a hash of the recipe): environments are keyed
    by it. `packages` says that `apt-get` works in it.
    """

    reference: str
    python: str  # absolute path of the interpreter in it
    version: str  # 3.11.7
    packages: bool = False


class BaseImages(Protocol):
    """Where bases come from: pulled, or made of the local interpreter. Calls may block."""

    def base_for(self, python_version: str) -> Base | None:
        """The base for `3.x` or `3.x.y`, made ready to start; None when it cannot be had."""

    def with_packages(self, base: Base) -> Base | None:
        """The same Python on a base where `apt-get` works, or None; may take a minute."""

    def available(self) -> Sequence[str]:
        """The versions that can be had for sure, the preferred one first."""


@dataclass(frozen=True)
class Chosen:
    base: Base
    note: str = ""  # for the build log, when it is not what one would expect


def choose(bases: BaseImages, asked: str | None, default: str) -> Chosen:
    """`asked` is what the card says; silent cards get `default`, or what there is.

    Raises `BuildFailed` with PYTHON_UNAVAILABLE or SDK_UNAVAILABLE.
    """
    if asked is not None:
        found = bases.base_for(asked)
        if found is None:
            available = ", ".join(bases.available()) or "none"
            raise BuildFailed.of(Cause.PYTHON_UNAVAILABLE, wanted=asked, available=available)
        return Chosen(found)
    found = bases.base_for(default)
    if found is not None:
        return Chosen(found)
    for version in bases.available():
        found = bases.base_for(version)
        if found is not None:
            note = (
                f"python_version is not set and Python {default} cannot be had on this server: "
                f"using {found.version}."
            )
            return Chosen(found, note)
    raise BuildFailed.of(
        Cause.SDK_UNAVAILABLE, sdk="Python", problem="it has no Python base image."
    )


class RememberedBases:
    """Does not ask again for some minutes for what could not be had: looking for an image in a
    registry that does not answer may take long, and every push asks."""

    def __init__(self, bases: BaseImages, seconds: float = 600.0) -> None:
        self._bases = bases
        self._seconds = seconds
        self._absent: dict[str, float] = {}

    def base_for(self, python_version: str) -> Base | None:
        if self._absent.get(python_version, 0.0) > time.monotonic():
            return None
        found = self._bases.base_for(python_version)
        if found is None:
            self._absent[python_version] = time.monotonic() + self._seconds
        return found

    def with_packages(self, base: Base) -> Base | None:
        return self._bases.with_packages(base)

    def available(self) -> Sequence[str]:
        return self._bases.available()
