"""The ledger itself: durability under kill -9, many writers, schemas, and the follower."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from spaceport.errors import Misconfigured
from spaceport.follower import Follower
from spaceport.ledger import Ledger, accounts, events, facts, variables
from spaceport.ledger.events import EventKind
from spaceport.ledger.migrate import SCRIPTS, revisions
from spaceport.ledger.spaces import Space
from spaceport.ledger.tables import metadata
from spaceport.names import SpaceKey
from spaceport.pools import Pools
from tests.waiting import aeventually

WRITE = """
import sys
from spaceport.ledger import Ledger, events
from spaceport.ledger.events import EventKind
ledger = Ledger(sys.argv[1])
while True:
    with ledger.write() as tx:
        seq = events.append(tx, EventKind.SPACE_CHANGED, detail=None)
    print(seq, flush=True)  # acknowledged
"""


@pytest.mark.req("DUR-04")
def test_what_was_acknowledged_survives_kill_9(database: str, ledger: Ledger) -> None:
    acknowledged: set[int] = set()
    for _ in range(3):
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITE, database], stdout=subprocess.PIPE)
            for _ in range(2)
        ]
        for writer in writers:
            assert writer.stdout is not None
            acknowledged |= {int(writer.stdout.readline()) for _ in range(15)}
        for writer in writers:
            os.kill(writer.pid, signal.SIGKILL)
        for writer in writers:
            rest = writer.communicate(timeout=20)[0].split(b"\n")[:-1]
            acknowledged |= {int(line) for line in rest}
    reopened = Ledger(database)
    with reopened.read() as tx:
        if reopened.is_sqlite:
            assert tx.execute(text("PRAGMA integrity_check")).scalar() == "ok"
        present = {event.seq for event in events.after(tx, 0, limit=1_000_000)}
    reopened.close()
    assert acknowledged <= present


@pytest.mark.req("DUR-19")
def test_many_writers_never_see_a_locked_database(database: str, ledger: Ledger) -> None:
    """Threads of this process and another process write to one place at once."""
    other = Ledger(database)
    with ledger.write() as tx:
        facts.put(tx, "count", "0")
    failures: list[BaseException] = []

    def count(through: Ledger) -> None:
        try:
            for _ in range(10):
                with through.write() as tx:
                    value = int(facts.get(tx, "count", hold="alone") or "0")
                    facts.put(tx, "count", str(value + 1))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=count, args=(each,)) for each in (ledger, other) * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with ledger.read() as tx:
        assert facts.get(tx, "count") == "100"
    other.close()


def test_a_reader_sees_one_moment(ledger: Ledger) -> None:
    with ledger.write() as tx:
        accounts.create_user(tx, "ada")
    if not ledger.is_sqlite:
        pytest.skip("PostgreSQL reads what is committed, statement by statement")
    with ledger.read() as reader:
        assert len(accounts.listed(reader)) == 1
        with ledger.write() as tx:
            accounts.create_user(tx, "bob")
        assert len(accounts.listed(reader)) == 1


@pytest.mark.req("UPG-03")
def test_a_newer_schema_is_refused_and_untouched(database: str, ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Misconfigured, match="9999"):
        Ledger(database)
    with ledger.read() as tx:
        assert tx.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"


def test_migrations_make_exactly_the_tables(ledger: Ledger) -> None:
    with ledger.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []


def test_the_newest_migration_is_the_one_alembic_ends_at() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    assert ScriptDirectory.from_config(config).get_current_head() == revisions()[-1]


@pytest.mark.req("UPG-07")
def test_two_that_open_a_new_ledger_at_once_both_can(database: str) -> None:
    opened: list[Ledger] = []
    failures: list[BaseException] = []

    def open_() -> None:
        try:
            opened.append(Ledger(database))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=open_) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for each in opened:
        each.close()


def test_a_ledger_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be opened"):
        Ledger(f"sqlite:///{tmp_path}/no/such/folder/ledger.sqlite3")


class Seen:
    """Records what a follower is told."""

    def __init__(self, failing: set[SpaceKey] = frozenset()) -> None:  # type: ignore[assignment]
        self.keys: list[SpaceKey] = []
        self.failing = failing

    async def look(self, key: SpaceKey) -> None:
        self.keys.append(key)
        if key in self.failing:
            raise ValueError(f"cannot look at {key}")

    async def nothing(self) -> list[SpaceKey]:
        return []


@contextlib.asynccontextmanager
async def following(ledger: Ledger, seen: Seen, **more):  # type: ignore[no-untyped-def]
    pools = Pools()
    follower = Follower("test", ledger, pools, seen.look, seen.nothing, **more)
    task = asyncio.create_task(follower.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        pools.close()


def append(ledger: Ledger, key: str, kind: EventKind = EventKind.SPACE_CHANGED) -> None:
    with ledger.write() as tx:
        events.append(tx, kind, key * 24)


async def started(ledger: Ledger) -> None:
    def has_cursor() -> bool:
        with ledger.read() as tx:
            return events.cursor(tx, "test") is not None

    await aeventually(has_cursor)


async def test_a_follower_is_told_what_is_written_here_and_elsewhere(
    database: str, ledger: Ledger
) -> None:
    seen, other = Seen(), Ledger(database)
    async with following(ledger, seen):
        await started(ledger)
        append(ledger, "a")
        await aeventually(lambda: "a" * 24 in seen.keys)
        append(other, "b")
        await aeventually(lambda: "b" * 24 in seen.keys)
    other.close()


async def test_a_follower_goes_on_where_it_was(ledger: Ledger) -> None:
    seen = Seen()
    async with following(ledger, seen):
        await started(ledger)
        append(ledger, "a")
        await aeventually(lambda: seen.keys == ["a" * 24])

        def noted() -> bool:
            with ledger.read() as tx:
                return events.cursor(tx, "test") == events.last_seq(tx)

        await aeventually(noted)
    append(ledger, "b")
    again = Seen()
    async with following(ledger, again):
        await aeventually(lambda: "b" * 24 in again.keys)
    assert again.keys == ["b" * 24]


async def test_only_the_kinds_asked_for(ledger: Ledger) -> None:
    seen = Seen()
    async with following(ledger, seen, kinds=[EventKind.HEAD_MOVED]):
        await started(ledger)
        append(ledger, "a")
        append(ledger, "b", EventKind.HEAD_MOVED)
        await aeventually(lambda: seen.keys == ["b" * 24])


async def test_an_event_that_cannot_be_dealt_with_is_set_aside(ledger: Ledger) -> None:
    seen = Seen(failing={"a" * 24})
    async with following(ledger, seen):
        await started(ledger)
        append(ledger, "a")
        append(ledger, "b")
        await aeventually(lambda: "b" * 24 in seen.keys)

        def buried() -> bool:
            with ledger.read() as tx:
                return len(events.buried(tx)) == 1

        await aeventually(buried)
    assert seen.keys.count("a" * 24) == 3
    with ledger.read() as tx:
        letter = events.buried(tx)[0]
    assert letter["space_key"] == "a" * 24 and "cannot look" in letter["error"]


async def test_the_sweep_finds_what_no_event_told(ledger: Ledger, space: Space) -> None:
    seen = Seen()

    async def sweep() -> list[SpaceKey]:
        return [space.key]

    pools = Pools()
    follower = Follower("test", ledger, pools, seen.look, sweep, sweep_seconds=0.05)
    task = asyncio.create_task(follower.run())
    await aeventually(lambda: seen.keys.count(space.key) >= 3)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    pools.close()
    with ledger.read() as tx:
        assert variables.of(tx, space.key) == {}
