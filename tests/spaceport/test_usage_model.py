"""Random histories of a Space, second by second: the bill is that of a simple model (RUN-14).

The model knows nothing of stretches. Each second it asks who holds the Space: the replica that
takes requests, else the first that was started; whoever never takes a request is off the bill.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from sqlalchemy import insert

from spaceport.ledger import Ledger, accounts, replicas, spaces, usage
from spaceport.ledger.database import Tx, sqlite_url
from spaceport.ledger.replicas import Replica
from spaceport.ledger.spaces import Visibility
from spaceport.ledger.tables import builds, releases
from spaceport.ledger.usage import Kind
from spaceport.names import new_key
from spaceport.sdk import Sdk
from spaceport.stage import Wanted
from spaceport.statement import Month, statement
from spaceport.states import ReplicaState

BEGIN = datetime.fromisoformat("2026-10-31T23:50:00+00:00")  # a month ends within ten minutes
PRICES = {"cpu-basic": 0, "cpu-upgrade": 30_000, "t4-small": 600_000}
ALIVE = (ReplicaState.READY, ReplicaState.FROZEN)


@dataclass
class Running:
    """What the model knows of a replica; `seconds` by month, before it is known to count."""

    id: str
    flavor: str
    state: str = "starting"
    answered: bool = False
    seconds: Counter[str] | None = None


class Clock:
    def __init__(self) -> None:
        self.at = BEGIN

    def __call__(self) -> datetime:
        return self.at


class Billing(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = Ledger(sqlite_url(Path(self.folder.name)))
        self.clock = Clock()
        self.patch = mock.patch.object(usage, "now", self.clock)
        self.patch.start()
        with self.ledger.write() as tx:
            self.owner = accounts.create_user(tx, "ada").id
            self.key = self.new_space(tx, "demo")
        self.flavor = "cpu-basic"
        self.alive: list[Running] = []
        self.everybody: list[Running] = []
        self.tier = ""
        self.asleep = ""
        self.other: Counter[tuple[Kind, str, str]] = Counter()
        self.deleted = False

    def teardown(self) -> None:
        self.patch.stop()
        self.ledger.close()
        self.folder.cleanup()

    def new_space(self, tx: Tx, name: str) -> str:
        key = new_key()
        spaces.create(
            tx,
            key,
            self.owner,
            name,
            creator_id=self.owner,
            visibility=Visibility.PUBLIC,
            sdk=Sdk.GRADIO,
        )
        return key

    # time

    @rule(seconds=st.integers(1, 400))
    def time_goes_on(self, seconds: int) -> None:
        for _ in range(seconds):
            month = str(Month.of(self.clock.at))
            holder = self.holder()
            if holder is not None and holder.seconds is not None:
                holder.seconds[month] += 1
            if self.tier:
                self.other[Kind.STORAGE, self.tier, month] += 1
            if self.asleep:
                self.other[Kind.ASLEEP, self.asleep, month] += 1
            self.clock.at += timedelta(seconds=1)

    def holder(self) -> Running | None:
        serving = [one for one in self.alive if one.state == "serving"]
        starting = [one for one in self.alive if one.state == "starting"]
        return (serving[-1:] or starting[:1] or [None])[0]

    # what happens

    def row(self, tx: Tx, one: Running) -> Replica:
        return replicas.get(tx, one.id)

    @precondition(lambda self: not self.deleted and not self.alive)
    @rule()
    def first_start(self) -> None:
        self._start()

    @precondition(
        lambda self: not self.deleted and [one.state for one in self.alive] == ["serving"]
    )
    @rule()
    def start_beside(self) -> None:
        self._start()

    def _start(self) -> None:
        with self.ledger.write() as tx:
            build, release = new_key(), new_key()
            number = len(self.everybody) + 1
            common: dict[str, Any] = {"space_key": self.key, "number": number, "revision": "0" * 40}
            tx.execute(
                insert(builds).values(
                    id=build, state="succeeded", factory_generation=0, queued_at=BEGIN, **common
                )
            )
            tx.execute(
                insert(releases).values(
                    id=release,
                    build_id=build,
                    artifact={},
                    card={},
                    variables={},
                    secret_versions={},
                    flavor=self.flavor,
                    settings_version=0,
                    restart_generation=0,
                    state="pending",
                    created_at=BEGIN,
                    **common,
                )
            )
            price = PRICES[self.flavor]
            made = replicas.create(tx, self.key, release, engine="x", port=1, price=price)
            replicas.started(tx, made, "handle")
            if self.asleep:
                spaces.wake(tx, self.key)
                self.asleep = ""
        running = Running(made.id, self.flavor, seconds=Counter())
        self.alive.append(running)
        self.everybody.append(running)

    @precondition(lambda self: any(one.state == "starting" for one in self.alive))
    @rule()
    def it_answers(self) -> None:
        new = next(one for one in self.alive if one.state == "starting")
        with self.ledger.write() as tx:
            replicas.move(tx, self.row(tx, new), ReplicaState.READY)
            for old in self.alive:
                if old is not new and old.state == "serving":
                    replicas.move(tx, self.row(tx, old), ReplicaState.DRAINING)
                    old.state = "draining"
        new.state, new.answered = "serving", True
        new.seconds = Counter() if new.seconds is None else new.seconds

    @precondition(lambda self: bool(self.alive))
    @rule(data=st.data())
    def one_ends(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.alive))
        with self.ledger.write() as tx:
            replicas.move(tx, self.row(tx, one), ReplicaState.GONE)
        self.alive.remove(one)
        self._next_start_counts()

    def _next_start_counts(self) -> None:
        """A start beside an app that crashed is billed from its answer: it began for free."""
        for one in self.alive:
            if one.state == "starting" and self.holder() is one:
                one.seconds = None

    @precondition(lambda self: any(one.state == "serving" for one in self.alive))
    @rule()
    def freeze_and_thaw(self) -> None:
        one = next(one for one in self.alive if one.state == "serving")
        with self.ledger.write() as tx:
            replicas.move(tx, self.row(tx, one), ReplicaState.FROZEN)
            replicas.move(tx, self.row(tx, one), ReplicaState.READY)

    @precondition(lambda self: not self.deleted and not self.asleep)
    @rule(wanted=st.sampled_from([Wanted.PAUSED, Wanted.ASLEEP]))
    def stop(self, wanted: Wanted) -> None:
        with self.ledger.write() as tx:
            spaces.want(tx, self.key, Wanted.RUNNING)
            spaces.want(tx, self.key, wanted)
            for one in self.alive:
                if one.state != "draining":
                    replicas.move(tx, self.row(tx, one), ReplicaState.DRAINING)
                    one.state = "draining"
        if wanted is Wanted.ASLEEP:
            self.asleep = self.flavor

    @precondition(lambda self: not self.deleted and not self.asleep)
    @rule(flavor=st.sampled_from(sorted(PRICES)))
    def other_hardware(self, flavor: str) -> None:
        with self.ledger.write() as tx:
            spaces.set_flavor(tx, self.key, flavor)
        self.flavor = flavor

    @precondition(lambda self: not self.deleted)
    @rule(tier=st.sampled_from(["", "small", "large"]))
    def other_tier(self, tier: str) -> None:
        with self.ledger.write() as tx:
            if tier:
                usage.begin(tx, self.key, Kind.STORAGE, tier, 5_000_000)
            else:
                usage.end(tx, self.key, Kind.STORAGE)
        self.tier = tier

    @precondition(lambda self: not self.deleted and len(self.everybody) > 3)
    @rule()
    def delete(self) -> None:
        with self.ledger.write() as tx:
            for one in self.alive:
                replicas.move(tx, self.row(tx, one), ReplicaState.GONE)
            spaces.mark_deleted(tx, self.key)
        self.alive, self.tier, self.asleep, self.deleted = [], "", "", True

    # the bill

    @rule()
    def the_bill_is_the_models(self) -> None:
        wanted: Counter[tuple[Kind, str, str]] = Counter(self.other)
        for one in self.everybody:
            if one.answered and one.seconds:
                for month, seconds in one.seconds.items():
                    wanted[Kind.HARDWARE, one.flavor, month] += seconds
        found: Counter[tuple[Kind, str, str]] = Counter()
        for month in (Month(2026, 10), Month(2026, 11)):
            with self.ledger.read() as tx:
                rows = usage.of_owner(tx, self.owner, month.start, month.end)
            told = statement(rows, month, self.clock.at)
            for line in (*told.lines, *told.asleep):
                found[line.kind, line.slug, str(month)] += line.seconds
            assert told.total == sum(line.amount for line in told.lines)
        assert +found == +wanted


TestBilling = pytest.mark.req("RUN-14")(Billing.TestCase)
TestBilling.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
