"""The large objects of all Spaces: store and ledger together, in the order that survives a crash.

Bytes become durable first, then the ledger names the Space that holds them, then the client hears
of it. A crash between leaves an object that nobody holds, which `collect` removes a day later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path

from config.lfs import LfsSettings
from gitserver.lfs.staging import Chunk, Incoming, Staging
from gitserver.lfs.store import ObjectLost, ObjectStore, open_store
from gitserver.pointer import Pointer
from spaceport.errors import Misconfigured, Unavailable
from spaceport.failpoints import failpoint
from spaceport.identify import may_write
from spaceport.ledger import Ledger, Tx, large, spaces
from spaceport.ledger.columns import now
from spaceport.ledger.large import Held, Quota
from spaceport.names import SpaceKey


class LargeObjects:
    """One for each process; all calls block."""

    def __init__(
        self, ledger: Ledger, store: ObjectStore, staging: Staging, settings: LfsSettings
    ) -> None:
        self.ledger = ledger
        self.store = store
        self.staging = staging
        self.settings = settings
        self._quota = Quota(settings.space_bytes, settings.owner_bytes, settings.contributor_bytes)

    @classmethod
    def open(cls, ledger: Ledger, url: str, data: Path, settings: LfsSettings) -> LargeObjects:
        """With the store of the setting `objects`. Raises `Misconfigured`."""
        try:
            store, incoming = open_store(url, data)
            return cls(ledger, store, Staging(incoming), settings)
        except OSError as error:
            raise Misconfigured(
                f"The folder for large files cannot be used: {error}",
                hint="Choose another with --objects, or the setting objects.",
            ) from error

    def sweep(self) -> int:
        """Remove what dead processes, and uploads in parts that were given up, left (LFS-13)."""
        return self.staging.sweep(self.settings.parts_kept)

    def close(self) -> None:
        """Remove what uploads that were cut off left. The store stays usable for reading."""
        self.staging.close()

    def quota(self, tx: Tx, key: SpaceKey, actor_id: str | None) -> Quota:
        """How much somebody may bring to a Space. Raises `NotFound` for one that is gone."""
        if actor_id is None or may_write(tx, actor_id, spaces.get(tx, key)):
            return self._quota
        return replace(self._quota, by=actor_id)

    # -- who holds what ----------------------------------------------------------------------

    def has(self, key: SpaceKey, pointer: Pointer) -> bool:
        """Whether the Space holds the content of a pointer that it is about to name.

        Notes that it is needed, so that it is not collected between this check and the push.
        """
        found = self.held(key, [pointer.oid]).get(pointer.oid)
        if found is None or found.size != pointer.size:
            return False
        if found.needed_at > now() - large.RENEW:
            return True
        with self.ledger.write() as tx:
            return large.renew(tx, key, pointer.oid)

    def held(self, key: SpaceKey, oids: Collection[str]) -> dict[str, Held]:
        """Those of `oids` that the Space holds."""
        with self.ledger.read() as tx:
            return large.held(tx, key, oids)

    def files_of(self, key: SpaceKey) -> Callable[[Pointer], Path | None]:
        """For laying out a revision: the file with a pointer's content, None if there is none."""

        def file(pointer: Pointer) -> Path | None:
            found = self.held(key, [pointer.oid]).get(pointer.oid)
            if found is None or found.size != pointer.size:
                return None
            try:
                return self.store.file(pointer.oid, pointer.size)
            except ObjectLost:
                return None

        return file

    # -- taking in ---------------------------------------------------------------------------

    def put(
        self,
        key: SpaceKey,
        actor_id: str | None,
        oid: str,
        size: int,
        chunks: Iterable[Chunk],
        *,
        blob_id: str | None = None,
    ) -> None:
        """Keep an object for a Space; durable when this returns. Memory is that of one chunk.

        `oid` is the SHA-256 of the content in hex. Raises `WrongContent` when the chunks are not
        that content, `QuotaFull`, `NotFound` for a Space that is gone, `OSError` for the disk.
        """
        self.take(key, actor_id, self.staging.receive(oid, size, chunks), blob_id=blob_id)

    def take(
        self,
        key: SpaceKey,
        actor_id: str | None,
        incoming: Incoming,
        *,
        blob_id: str | None = None,
    ) -> None:
        """Keep what came completely (`Incoming.finish`). Raises as `put` does."""
        try:
            self.keep(key, actor_id, incoming.path, incoming.oid, incoming.size, blob_id=blob_id)
        finally:
            incoming.discard()

    def keep(
        self,
        key: SpaceKey,
        actor_id: str | None,
        staged: Path,
        oid: str,
        size: int,
        *,
        blob_id: str | None = None,
    ) -> None:
        """Keep a staged file whose bytes were checked and synced. Raises as `put` does."""
        self.store.keep(staged, oid, size)
        failpoint("lfs:before-link")
        self.hold(key, actor_id, oid, size, blob_id=blob_id)
        failpoint("lfs:after-link")

    def hold(
        self,
        key: SpaceKey,
        actor_id: str | None,
        oid: str,
        size: int,
        *,
        blob_id: str | None = None,
    ) -> None:
        """Note that the Space holds an object of the store; its bytes were earned (LFS-04)."""
        with self.ledger.write() as tx:
            quota = self.quota(tx, key, actor_id)
            large.hold(tx, key, oid, size, quota, actor_id=actor_id, blob_id=blob_id)
        # A collector that was at work just before may have removed the bytes; from now on none can.
        if self.store.size(oid) != size:
            with self.ledger.write() as tx:
                large.let_go(tx, key, [oid], now())
            raise Unavailable("The object was being removed just then.", hint="Send it again.")
