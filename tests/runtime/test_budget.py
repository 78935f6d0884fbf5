"""A budget that is spent: the Space sleeps, no visit wakes it, and it comes back when it may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spaceport.errors import BudgetSpent
from spaceport.ledger import budgets, spaces, usage
from spaceport.ledger.columns import now
from spaceport.ledger.usage import Kind
from spaceport.stage import Wanted
from spaceport.statement import Month, statement
from tests.runtime.world import OWNER, World, server
from tests.waiting import aeventually

pytestmark = pytest.mark.engine


def limit(world: World, dollars: float | None) -> None:
    with world.ledger.write() as tx:
        budgets.set_limit(tx, OWNER, dollars)


@pytest.mark.req("RUN-09", "RUN-14")
async def test_running_is_billed_and_nothing_else(world: World) -> None:
    world.start()
    key = world.space(flavor="cpu-upgrade")
    world.push(key, server("one"))
    await world.serves(key, "one")
    world.push(key, server("two"))
    await world.serves(key, "two")
    await world.settled(key, 1)
    world.want(key, Wanted.PAUSED)
    await world.settled(key, 0)
    month = Month.of(now())
    with world.ledger.read() as tx:
        found = usage.of_space(tx, key, month.start, month.end)
    assert [(one.kind, one.slug, one.price) for one in found] == [
        (Kind.HARDWARE, "cpu-upgrade", 30_000)
    ] * 2
    first, second = found
    assert first.ended_at == second.started_at or (
        first.ended_at is not None and abs((second.started_at - first.ended_at).total_seconds()) < 1
    )
    assert second.ended_at is not None and all(one.counts for one in found)
    assert statement(found, month, now()).total > 0


async def test_a_start_that_fails_is_free(world: World) -> None:
    world.start()
    key = world.space(flavor="cpu-upgrade")
    world.push(key, "raise SystemExit(3)")
    await world.becomes(key, "RUNTIME_ERROR")
    month = Month.of(now())
    with world.ledger.read() as tx:
        found = usage.of_space(tx, key, month.start, month.end)
    assert found and not any(one.counts for one in found)
    assert statement(found, month, now()).total == 0


async def test_a_spent_budget_puts_it_to_sleep_until_it_is_raised(world: World) -> None:
    world.settings = world.settings.model_copy(update={"sweep": 0.2})
    world.start()
    paid, free = world.space("paid", flavor="cpu-upgrade"), world.space("free")
    for key in (paid, free):
        world.push(key, server("hello"))
        await world.serves(key, "hello")
    limit(world, 0)
    await world.becomes(paid, "SLEEPING")
    assert world.cause(paid) == "BUDGET_SPENT"
    await aeventually(lambda: not world.view(paid).replicas)
    route = world.route(paid)
    assert route is not None and not route.wakes and "budget" in route.cause
    assert world.supervisor is not None
    world.supervisor.on_demand(replace(route, wakes=True))
    world.push(paid, server("newer"))  # neither a visit nor a push
    with pytest.raises(BudgetSpent):
        world.restart(paid)
    assert world.stage(free) == "RUNNING"
    limit(world, 1000)
    await aeventually(lambda: world.view(paid).space.budget_spent is None)
    route = world.route(paid)
    assert route is not None and world.stage(paid) == "SLEEPING"
    world.supervisor.on_demand(route)
    await world.serves(paid, "newer")
    limit(world, 0)
    await world.becomes(paid, "SLEEPING")
    with world.ledger.write() as tx:
        spaces.set_flavor(tx, paid, "cpu-basic")  # costs nothing
    await aeventually(lambda: world.view(paid).space.budget_spent is None)
