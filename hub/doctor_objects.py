"""`spaceport doctor --objects`: every large file is read and compared with its name."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError

from config.settings import Settings
from gitserver.lfs.objects import LargeObjects
from gitserver.lfs.scrub import scrub
from hub.doctor import Finding, Verdict
from spaceport.ledger import Ledger


def large_objects(settings: Settings) -> Iterator[Finding]:
    """A `Check`. What is unsound is named with the Spaces that hold it."""
    if not settings.database and not (settings.data / "ledger.sqlite3").exists():
        yield Finding("large objects", Verdict.GOOD, "none yet")
        return
    ledger = Ledger(settings.database_url, migrate=False)
    try:
        data = settings.data.resolve()
        found = list(scrub(LargeObjects.open(ledger, settings.objects, data, settings.lfs)))
    except DBAPIError:
        hint = "Start this version of Spaceport once: it brings the ledger up to date."
        yield Finding("large objects", Verdict.WARNING, "the ledger does not know of them", hint)
        return
    finally:
        ledger.close()
    if not found:
        yield Finding("large objects", Verdict.GOOD, "each is what its name says")
    for unsound in found:
        holders = ", ".join(map(str, unsound.holders))
        yield Finding(
            "large objects",
            Verdict.BAD,
            f"{unsound.oid} is {unsound.why}; held by {holders}",
            "Remove what is left of it from the store. Then, in a clone that has the file: "
            f"git lfs push --object-id origin {unsound.oid}",
        )
