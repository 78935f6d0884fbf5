"""What `spaceport doctor` says of persistent storage: can it be had, and what is promised."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from config.settings import Settings
from hub.doctor import Finding, Verdict
from runtime.storage.disks import HINT, Disks
from spaceport.ledger import Ledger, volumes
from spaceport.ledger.volumes import size_text


def storage(settings: Settings) -> Iterator[Finding]:
    """Tries a small disk, and takes it away again."""
    if not settings.data.exists():
        return
    disks = Disks(settings.data, settings.runtime.storage)
    refused = disks.refused()
    if not refused:
        yield Finding("storage", Verdict.GOOD, "disks of their tier's size can be mounted")
    elif settings.runtime.storage.plain:
        text = f"disks cannot be mounted ({refused}): storage is plain folders without any limit"
        yield Finding("storage", Verdict.WARNING, text, "A Space can fill this server's disk.")
    else:
        text = f"Spaces cannot have persistent storage here: {refused}."
        yield Finding("storage", Verdict.WARNING, text, HINT)
    if settings.database or (settings.data / "ledger.sqlite3").exists():
        yield from _promised(settings, disks)


def _promised(settings: Settings, disks: Disks) -> Iterator[Finding]:
    opened = Ledger(settings.database_url, migrate=False)
    try:
        with opened.read() as tx:
            promised = sum(disk.size for disk in volumes.all_disks(tx) if disk.deleted_at is None)
    finally:
        opened.close()
    if not promised:
        return
    taken, free = disks.taken(), shutil.disk_usage(settings.data).free
    text = (
        f"{size_text(promised)} promised to Spaces, {size_text(taken)} taken, "
        f"{size_text(free)} free on this server"
    )
    if promised - taken <= free:
        yield Finding("storage", Verdict.GOOD, text)
        return
    hint = (
        "Nothing is lost when it runs out: apps are then told that their disk is full. Add disk "
        "space before that."
    )
    yield Finding("storage", Verdict.WARNING, f"{text}: not enough for all", hint)
