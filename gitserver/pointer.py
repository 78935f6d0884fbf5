"""git-lfs pointers: the small text that stands in a revision for a large object.

Specification: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_BYTES = 1024
"""No pointer is longer; a larger file is never read as one."""

_VERSIONS = (b"https://git-lfs.github.com/spec/v1", b"https://hawser.github.com/spec/v1")
_OID = re.compile(r"[0-9a-f]{64}")
_SIZE = re.compile(rb"0|[1-9][0-9]{0,18}")
_MOST = 2**63 - 1


@dataclass(frozen=True)
class Pointer:
    """What a pointer says: SHA-256 of the content as 64 lower-case hex digits, and its bytes."""

    oid: str
    size: int

    def __post_init__(self) -> None:
        if not _OID.fullmatch(self.oid) or not 0 <= self.size <= _MOST:
            raise ValueError("an LFS pointer needs 64 hex digits and a size of 0 or more")

    def text(self) -> bytes:
        """The pointer as a file, byte for byte as git-lfs writes it."""
        return (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.oid}\nsize {self.size}\n"
        ).encode()


def parse_pointer(data: bytes) -> Pointer | None:
    """The pointer that `data` is, or None for any other content.

    The empty file stands for itself. Unknown keys are allowed as the specification says, if they
    stand in order after `version`.
    """
    if not data or len(data) > MAX_BYTES or not data.startswith(b"version "):
        return None
    lines = data.rstrip(b"\n").split(b"\n")
    keys = [line.partition(b" ")[0] for line in lines]
    if keys[1:] != sorted(set(keys[1:])) or lines[0].partition(b" ")[2] not in _VERSIONS:
        return None
    values = dict(line.partition(b" ")[::2] for line in lines)
    oid, size = values.get(b"oid", b""), values.get(b"size", b"")
    digits = oid.removeprefix(b"sha256:").decode("ascii", "replace")
    if not oid.startswith(b"sha256:") or not _OID.fullmatch(digits) or not _SIZE.fullmatch(size):
        return None
    return Pointer(digits, int(size)) if int(size) <= _MOST else None
