"""`RUN --mount=` options (BuildKit's Dockerfile reference)."""

from __future__ import annotations

import csv
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class MountOption:
    fields: tuple[tuple[str, str], ...]  # in their order; a bare word has an empty value

    def get(self, *names: str) -> str:
        """The last value given under one of these names."""
        found = [value for name, value in self.fields if name in names]
        return found[-1] if found else ""

    @property
    def type(self) -> str:
        return self.get("type") or "bind"

    @property
    def target(self) -> str:
        return self.get("target", "dst", "destination")

    @property
    def secret_id(self) -> str:
        return self.get("source", "src", "id") or posixpath.basename(self.target)

    def with_id(self, identity: str) -> MountOption:
        others = tuple(field for field in self.fields if field[0] != "id")
        return MountOption((*others, ("id", identity)))

    def __str__(self) -> str:
        # The csv rules of Docker: a field with a comma or quote is quoted as a whole.
        words = (f"{name}={value}" if value else name for name, value in self.fields)
        return ",".join(_quoted(word) for word in words)


def parse_mount(value: str) -> MountOption:
    words = next(iter(csv.reader([value])), [])
    return MountOption(tuple(_field(word) for word in words))


def mounts_of(flags: Iterable[tuple[str, str]]) -> list[MountOption]:
    return [parse_mount(value) for name, value in flags if name == "--mount"]


def _field(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name.strip().lower(), value


def _quoted(word: str) -> str:
    if "," in word or '"' in word:
        return '"' + word.replace('"', '""') + '"'
    return word
