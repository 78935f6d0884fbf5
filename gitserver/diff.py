"""A difference as text, as `git diff` prints it and `git apply` reads it (git-diff(1))."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gitserver.compare import Change, Changed, Side
from gitserver.edits import Edit, edits

CONTEXT = 3
MAX_BYTES = 256 * 1024
"""Of one side of a file; larger ones are said to differ, like binary ones."""

_GITLINK = 0o160000
_SAFE = frozenset(range(0x20, 0x7F)) - set(b'"\\')
_ESCAPES = {7: b"\\a", 8: b"\\b", 9: b"\\t", 10: b"\\n", 11: b"\\v", 12: b"\\f", 13: b"\\r",
            34: b'\\"', 92: b"\\\\"}  # fmt: skip


@dataclass(frozen=True)
class Hunk:
    """Lines that differ with those around them; each starts with ' ', '-' or '+'. From 1."""

    old_start: int
    old_count: int
    new_start: int
    new_count: int
    lines: tuple[bytes, ...]

    @property
    def header(self) -> bytes:
        old, new = (
            f"{start},{count}" if count != 1 else f"{start}"
            for start, count in (
                (self.old_start, self.old_count),
                (self.new_start, self.new_count),
            )
        )
        return f"@@ -{old} +{new} @@".encode()


@dataclass(frozen=True)
class FileDiff:
    """How one path differs; `hunks` is None for what is shown without its lines."""

    changed: Changed
    hunks: tuple[Hunk, ...] | None

    @property
    def added(self) -> int:
        return self._count(b"+")

    @property
    def removed(self) -> int:
        return self._count(b"-")

    def _count(self, sign: bytes) -> int:
        return sum(line[:1] == sign for hunk in self.hunks or () for line in hunk.lines)


def file_diff(changed: Changed, old: bytes | None, new: bytes | None) -> FileDiff:
    """`old` and `new` are the contents; None for one that is too large to be compared."""
    binary = any(text is None or b"\0" in text[:8000] for text in (old, new))
    if binary or old is None or new is None:
        return FileDiff(changed, None)
    return FileDiff(changed, tuple(_hunks(lines_of(old), lines_of(new))))


def as_text(diffs: Iterable[FileDiff]) -> bytes:
    """The whole difference."""
    return b"".join(line + b"\n" for diff in diffs for line in _file(diff))


def lines_of(text: bytes) -> list[bytes]:
    """Each with its end, so that a last line without one differs from one that has it."""
    found = text.split(b"\n")
    ended = [line + b"\n" for line in found[:-1]]
    return [*ended, found[-1]] if found[-1] else ended


def _hunks(old: list[bytes], new: list[bytes]) -> Iterator[Hunk]:
    group: list[Edit] = []
    for edit in edits(old, new):
        if group and edit.old_start - group[-1].old_end > 2 * CONTEXT:
            yield _hunk(old, new, group)
            group = []
        group.append(edit)
    if group:
        yield _hunk(old, new, group)


def _hunk(old: list[bytes], new: list[bytes], group: list[Edit]) -> Hunk:
    before = min(CONTEXT, group[0].old_start)
    old_start, new_start = group[0].old_start - before, group[0].new_start - before
    old_end = min(len(old), group[-1].old_end + CONTEXT)
    lines: list[bytes] = []
    at = old_start
    for edit in group:
        lines += (b" " + line for line in old[at : edit.old_start])
        lines += (b"-" + line for line in old[edit.old_start : edit.old_end])
        lines += (b"+" + line for line in new[edit.new_start : edit.new_end])
        at = edit.old_end
    lines += (b" " + line for line in old[at:old_end])
    old_count = old_end - old_start
    new_count = old_count + sum(
        (edit.new_end - edit.new_start) - (edit.old_end - edit.old_start) for edit in group
    )
    return Hunk(
        old_start + bool(old_count), old_count, new_start + bool(new_count), new_count, tuple(lines)
    )


def _file(diff: FileDiff) -> Iterator[bytes]:
    old, new = diff.changed.old, diff.changed.new
    left, right = _quoted(b"a/", old or new), _quoted(b"b/", new or old)
    yield b"diff --git " + left + b" " + right
    if old is None and new is not None:
        yield f"new file mode {new.mode:06o}".encode()
    elif new is None and old is not None:
        yield f"deleted file mode {old.mode:06o}".encode()
    elif old is not None and new is not None and old.mode != new.mode:
        yield f"old mode {old.mode:06o}".encode()
        yield f"new mode {new.mode:06o}".encode()
    if diff.changed.change is Change.RENAMED:
        yield b"similarity index 100%"
        yield b"rename from " + _quoted(b"", old)
        yield b"rename to " + _quoted(b"", new)
        return
    if old is not None and new is not None and old.oid == new.oid:
        return
    yield _index(old, new)
    shown = (left if old is not None else b"/dev/null", right if new is not None else b"/dev/null")
    if diff.hunks is None:
        yield b"Binary files " + shown[0] + b" and " + shown[1] + b" differ"
    elif diff.hunks:
        yield b"--- " + shown[0]
        yield b"+++ " + shown[1]
        for hunk in diff.hunks:
            yield hunk.header
            for line in hunk.lines:
                yield line.removesuffix(b"\n")
                if not line.endswith(b"\n"):
                    yield b"\\ No newline at end of file"


def _index(old: Side | None, new: Side | None) -> bytes:
    ids = (side.oid if side is not None else "0" * 40 for side in (old, new))
    line = "index " + "..".join(ids)
    same = old is not None and new is not None and old.mode == new.mode
    return (line + (f" {new.mode:06o}" if same and new is not None else "")).encode()


def _quoted(prefix: bytes, side: Side | None) -> bytes:
    """A path as git quotes it (core.quotePath)."""
    name = prefix + os.fsencode(side.path if side is not None else "")
    if all(byte in _SAFE for byte in name):
        return name
    escaped = (
        bytes([byte]) if byte in _SAFE else _ESCAPES.get(byte, f"\\{byte:03o}".encode())
        for byte in name
    )
    return b'"' + b"".join(escaped) + b'"'


def submodule_text(side: Side) -> bytes:
    """What git shows as the content of a submodule."""
    return f"Subproject commit {side.oid}\n".encode()


def is_submodule(side: Side) -> bool:
    return side.mode & 0o170000 == _GITLINK
