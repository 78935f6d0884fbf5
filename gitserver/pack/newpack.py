"""A new pack in a repository, with its index: written aside, made durable, then put in place."""

from __future__ import annotations

import os
import secrets
import zlib
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gitserver.durable import sync_file, write_synced
from gitserver.objects.index import Row, write_index
from gitserver.pack.cruft import SUFFIX, mtimes_file
from gitserver.pack.make import PackMaker, PackSink, pack_header
from gitserver.pack.store import ObjectStore
from spaceport.failpoints import failpoint

_READ = 1 << 20


@dataclass(frozen=True)
class Draft:
    """A pack and its index under names that nobody reads yet (git removes such files if we die)."""

    pack: Path
    index: Path
    checksum: bytes
    ages: dict[bytes, float] | None = None
    """For a pack of what nothing reaches: when each object was last of use."""

    @property
    def name(self) -> str:
        return f"pack-{self.checksum.hex()}"

    def discard(self) -> None:
        for path in (self.pack, self.index):
            path.unlink(missing_ok=True)

    def install(self) -> Path:
        """Put it in place, index last, since readers find a pack by its index; gives the pack.

        The caller makes the folder durable.
        """
        final = self.pack.with_name(f"{self.name}.pack")
        if self.ages is not None:
            mtimes = final.with_suffix(SUFFIX)
            mtimes.unlink(missing_ok=True)
            write_synced(mtimes, mtimes_file(self.ages, self.checksum))
        self.pack.rename(final)
        failpoint("upkeep:between-renames")
        self.index.rename(final.with_suffix(".idx"))
        return final


def write_draft(
    store: ObjectStore,
    oids: Collection[bytes],
    tick: Callable[[int], None] = lambda count: None,
    ages: dict[bytes, float] | None = None,
    folder: Path | None = None,
) -> Draft:
    """Write these objects, copied raw, into a draft beside the store's packs, or in `folder`; it is
    durable.

    Raises `ObjectMissing`, `PackDamaged` or `OSError`; then nothing is left behind.
    """
    folder = folder or store.folder / "pack"
    mark = secrets.token_hex(8)
    pack, index = folder / f"tmp_pack_{mark}", folder / f"tmp_idx_{mark}"
    try:
        starts: list[tuple[int, bytes]] = []
        with pack.open("xb") as out:
            sink = PackSink(lambda data: _write(out.fileno(), data))
            sink.put(pack_header(len(oids)))
            maker = PackMaker(store, tick=tick, record=lambda oid, at: starts.append((at, oid)))
            maker.write(oids, sink)
            end = sink.position
            checksum = sink.finish()
            _write(out.fileno(), checksum)
        with index.open("xb") as out:
            write_index(out, _rows(pack, starts, end), checksum)
        for path in (pack, index):
            path.chmod(0o444)
            sync_file(path)
        return Draft(pack, index, checksum, ages)
    except BaseException:
        for path in (pack, index):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise


def _rows(pack: Path, starts: list[tuple[int, bytes]], end: int) -> list[Row]:
    rows = []
    with pack.open("rb") as file:
        file.seek(12)
        for rank, (start, oid) in enumerate(starts):
            left = (starts[rank + 1][0] if rank + 1 < len(starts) else end) - start
            crc = 0
            while left:
                data = file.read(min(left, _READ))
                crc = zlib.crc32(data, crc)
                left -= len(data)
            rows.append(Row(oid, crc, start))
    rows.sort()
    return rows


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
