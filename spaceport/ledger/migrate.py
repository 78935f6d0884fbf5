"""Bring a ledger's schema up to date with Alembic, all or nothing.

Most starts find nothing to do; they do not even load Alembic, which takes longer than a command.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from spaceport.errors import Misconfigured

_LOCK = 0x53504D47  # any number; whoever migrates a PostgreSQL ledger holds it
_ALONE = threading.Lock()  # Alembic keeps its context in a global
SCRIPTS = Path(__file__).parent / "migrations"


@cache
def revisions() -> tuple[str, ...]:
    """Every schema that this program knows, oldest first, by the names of the files."""
    found = (SCRIPTS / "versions").glob("[0-9]*_*.py")
    return tuple(sorted(path.name.partition("_")[0] for path in found))


def upgrade(engine: Engine) -> None:
    """Run the missing migrations in one transaction.

    Raises `Misconfigured`, and writes nothing, when the ledger is newer than this program.
    """
    head = revisions()[-1]
    with engine.connect() as connection:
        present = _present(connection)
        connection.rollback()
        if present == head:
            return
        if present is not None and present not in revisions():
            raise Misconfigured(
                f"The ledger has schema {present}, which this version of Spaceport does not know.",
                hint="It was written by a newer version: install that one, or restore a backup.",
            )
        if connection.dialect.name == "sqlite":
            connection.execution_options(spaceport_write=True)
        with _ALONE, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            if _present(connection) == present:  # else another process was quicker
                _run(connection)


def _present(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _run(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
