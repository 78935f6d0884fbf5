"""A Space that is renamed while it runs: its app learns its new name, its old host leads there."""

from __future__ import annotations

import pytest

from spaceport.ledger import moves, spaces
from tests.runtime.world import OWNER, World, server
from tests.waiting import aeventually

pytestmark = pytest.mark.engine

SAYS_ITS_NAME = 'NAME = os.environ["SPACE_ID"] + " " + os.environ["SPACE_HOST"]'
NAMED = server("@", first=SAYS_ITS_NAME).replace("'@'", "NAME")


async def test_the_app_restarts_under_its_new_name_without_a_gap(world: World) -> None:
    world.start()
    key = world.space("before")
    world.push(key, NAMED)
    await world.serves(key, "ada/before ada-before.localhost:8080")
    with world.ledger.write() as tx:
        moves.move(tx, spaces.get(tx, key), OWNER, "after")
    answers = set()

    async def renamed() -> bool:
        table = world.tables[-1]
        route = table.get("ada-after") or table.get("ada-before")
        assert route is not None and route.target is not None
        answers.add(await world.get(key))
        return "ada/after ada-after.localhost:8080" in answers

    await aeventually(renamed, 30)
    assert answers == {
        "ada/before ada-before.localhost:8080",
        "ada/after ada-after.localhost:8080",
    }
    redirect = world.tables[-1].get("ada-before")
    assert redirect is not None and (redirect.moved_to, redirect.target) == ("ada-after", None)


async def test_a_deleted_space_takes_its_old_host_with_it(world: World) -> None:
    world.start()
    key = world.space("quiet")
    world.push_folder(key, "hello")
    await world.becomes(key, "RUNNING")
    with world.ledger.write() as tx:
        moves.move(tx, spaces.get(tx, key), OWNER, "quieter")
    await aeventually(lambda: world.tables[-1].get("ada-quieter") is not None, 10)
    assert world.tables[-1].get("ada-quiet") is not None
    with world.ledger.write() as tx:
        spaces.mark_deleted(tx, key)
    await aeventually(lambda: len(world.tables[-1]) == 0, 10)
