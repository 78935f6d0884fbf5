"""Ages of objects that nothing reaches: the `.mtimes` file of a cruft pack (gitformat-pack(5))."""

from __future__ import annotations

import hashlib
import struct
from contextlib import suppress

from gitserver.pack.file import PackFile

SUFFIX = ".mtimes"
_HEADER = struct.pack(">4sLL", b"MTME", 1, 1)


def is_cruft(pack: PackFile) -> bool:
    """Whether a pack holds only what nothing reached when it was made."""
    return pack.path.with_suffix(SUFFIX).exists()


def ages_of(pack: PackFile) -> dict[bytes, float]:
    """When each object of a pack was last of use, in seconds since 1970: as its `.mtimes` file
    says, or else when the pack was written."""
    oids = pack.index.oids()
    with suppress(OSError):
        data = pack.path.with_suffix(SUFFIX).read_bytes()
        if data.startswith(_HEADER) and len(data) == 12 + 4 * len(oids) + 40:
            return dict(zip(oids, struct.unpack_from(f">{len(oids)}L", data, 12), strict=True))
    try:
        written = pack.path.stat().st_mtime
    except OSError:
        written = 2.0**31  # it is being replaced: as young as can be
    return dict.fromkeys(oids, written)


def mtimes_file(ages: dict[bytes, float], pack_checksum: bytes) -> bytes:
    """The content of a `.mtimes` file."""
    numbers = [int(ages[oid]) & 0xFFFFFFFF for oid in sorted(ages)]
    body = _HEADER + struct.pack(f">{len(numbers)}L", *numbers) + pack_checksum
    return body + hashlib.sha1(body, usedforsecurity=False).digest()
