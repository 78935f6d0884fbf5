"""Opening the ledger, and its transactions.

SQLite runs in WAL with `synchronous=FULL` and foreign keys; writers of one process take turns at a
lock and begin IMMEDIATE, so that nobody ever meets "database is locked". PostgreSQL runs as it is.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from spaceport.errors import Misconfigured
from spaceport.ledger.migrate import upgrade

Tx = Connection
"""A transaction under way; it ends with the `with` block that gave it."""

BUSY_SECONDS = 30


def sqlite_url(data: Path) -> str:
    """The default ledger of a data folder."""
    return f"sqlite:///{data / 'ledger.sqlite3'}"


class Ledger:
    """All calls block: use the `db` pool from a coroutine.

    `listen` registers a function that is called, from whatever thread committed, after each
    transaction that wrote; followers use it to look at the event log at once.
    """

    def __init__(self, url: str, *, migrate: bool = True) -> None:
        """Open, and bring the schema up to date. Raises `Misconfigured` when that cannot be."""
        self.url = make_url(url)
        self.engine = _make_engine(url)
        self._turn = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        try:
            if migrate:
                upgrade(self.engine)
        except OperationalError as error:
            raise Misconfigured(
                f"The ledger {self.url.render_as_string()} cannot be opened: {error.orig}",
                hint="Check the --database setting, and that the folder can be written.",
            ) from error

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """One consistent view; nothing may be written in it."""
        with self.engine.connect() as connection:
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """All of it is committed and durable when the block ends, or none of it."""
        turn = self._turn if self.is_sqlite else nullcontext()
        with turn, self.engine.connect() as connection:
            if self.is_sqlite:
                connection.execution_options(spaceport_write=True)
            with connection.begin():
                yield connection
        for listener in self._listeners:
            listener()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after every write of this process; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def fold(self) -> None:
        """Move the write-ahead log into the file and empty it: what was deleted leaves the disk.

        When somebody reads at this moment, part of it stays until the next time.
        """
        if self.is_sqlite:
            with self._turn, closing(self.engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self.engine.dispose()


def _make_engine(url: str) -> Engine:
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, pool_size=8)
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=16,
        connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy says BEGIN itself, see _begin_sqlite
    _use_wal(connection)
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _use_wal(connection: Any) -> None:
    """The mode changes once in a ledger's life. Who changes it at the same moment as another is
    told "database is locked" at once: SQLite does not wait for that lock, so we do."""
    until = time.monotonic() + BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE for writers: a reader that turns into a writer half way could not wait its turn.
    write = connection.get_execution_options().get("spaceport_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
