"""Who builds next."""

from __future__ import annotations

import asyncio

import pytest

from builder.slots import Slots, Waiting, choose


def test_choose() -> None:
    ada1, ada2, eve = Waiting(1, "ada"), Waiting(2, "ada"), Waiting(3, "eve")
    own = Waiting(0, "")
    assert choose([], {}, {}) is None
    assert choose([ada2, ada1], {}, {}) == ada1
    assert choose([ada1, ada2, eve], {"ada": 1}, {}) == eve
    assert choose([ada1, eve], {}, {"ada": 5, "eve": 4}) == eve
    assert choose([own, ada1], {"ada": 7}, {"ada": 9}) == ada1


@pytest.mark.req("BLD-17")
async def test_fifty_of_one_owner_delay_another_by_one_at_most() -> None:
    slots = Slots(1)
    order: list[str] = []

    async def build(owner: str) -> None:
        async with slots.take(owner):
            order.append(owner)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for _ in range(50):
            group.create_task(build("ada"))
        await asyncio.sleep(0)
        group.create_task(build("eve"))
    assert order.index("eve") <= 2
    assert order.count("ada") == 50
    assert slots.free


async def test_giving_up_while_waiting() -> None:
    slots = Slots(1)
    stopped = asyncio.Event()

    async def wait() -> None:
        async with slots.take("eve", stopped):
            raise AssertionError("there was no slot")

    async with slots.take("ada"):
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        stopped.set()
        with pytest.raises(InterruptedError):
            await waiting
        cancelled = asyncio.create_task(wait())
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises((asyncio.CancelledError, InterruptedError)):
            await cancelled
        assert not slots.free
    assert slots.free
