"""What is promised to Spaces as persistent storage, what they take up, and what the host has."""

from __future__ import annotations

import shutil

from prometheus_client import CollectorRegistry, Gauge

from hub.context import HubContext
from runtime.storage.disks import Disks
from spaceport.ledger import volumes


class StorageFigures:
    """`read` blocks: call it on a pool."""

    def __init__(self, registry: CollectorRegistry, context: HubContext) -> None:
        self._context = context
        self._disks = Disks(context.data, context.settings.runtime.storage)
        self._promised = Gauge(
            "spaceport_storage_promised_bytes",
            "The sizes of all persistent disks of Spaces and buckets.",
            registry=registry,
        )
        self._taken = Gauge(
            "spaceport_storage_taken_bytes",
            "What those disks take up on the host's disk.",
            registry=registry,
        )
        self._free = Gauge(
            "spaceport_disk_free_bytes",
            "What is free on the disk of the data folder.",
            registry=registry,
        )

    def read(self) -> None:
        with self._context.ledger.read() as tx:
            found = [disk.size for disk in volumes.all_disks(tx) if disk.deleted_at is None]
        self._promised.set(sum(found))
        self._taken.set(self._disks.taken())
        self._free.set(shutil.disk_usage(self._context.data).free)
