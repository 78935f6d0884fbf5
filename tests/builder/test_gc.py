"""Collecting what no Space can use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from builder.gc import collect
from spaceport.ledger import releases, spaces
from spaceport.ledger.spaces import Space
from tests.builder.world import World, card

pytestmark = pytest.mark.engine


@pytest.mark.req("BLD-18")
async def test_only_what_is_used_stays(world: World, tmp_path: Path) -> None:
    requirements = (b"iniconfig==2.0.0\n", b"iniconfig==2.1.0\n")
    app = world.space({"README.md": card(), "app.py": b"1\n", "requirements.txt": requirements[0]})
    page = world.space({"README.md": card("static"), "index.html": b"one"}, owner="eve")
    async with world.running():
        first = await world.settled(app.key)
        await world.settled(page.key)
        _release(world, app)
        world.push(app.key, {"requirements.txt": requirements[1]}, work=tmp_path / "work")
        second = await world.settled(app.key, 2)
        assert first.artifact is not None
        assert second.artifact is not None
        assert _collect(world) == (0, 0)  # the first is still a release, the second is to be one

        for _ in range(2):
            _release(world, app)
        assert _collect(world, keep_releases=2) == (0, 0)  # two releases, one version
        assert _collect(world, keep_releases=1) == (1, 1)
        with world.ledger.read() as tx:
            dropped = [one.dropped_at is not None for one in releases.history(tx, app.key)]
        assert dropped == [False, False, True]
        assert not (world.data / first.artifact.mounts[0].source).exists()
        assert (world.data / second.artifact.mounts[0].source / "ready.json").is_file()

        with world.ledger.write() as tx:
            spaces.mark_deleted(tx, page.key)
        assert _collect(world) == (0, 1)

        # What was collected is simply made again.
        world.push(app.key, {"requirements.txt": requirements[0]}, work=tmp_path / "again")
        third = await world.settled(app.key, 3)
    assert third.artifact is not None
    assert third.artifact.mounts[0] == first.artifact.mounts[0]
    assert (world.data / third.artifact.mounts[0].source / "ready.json").is_file()


def _release(world: World, space: Space) -> None:
    with world.ledger.write() as tx:
        build = world.newest(space.key)
        assert build is not None
        releases.create(
            tx, spaces.get(tx, space.key), build, card={}, variables={}, secret_versions={}
        )


def _collect(world: World, keep_releases: int = 5) -> tuple[int, int]:
    for folder in (*world.places.environments.glob("*"), *world.places.checkouts.glob("*/*")):
        os.utime(folder, (0, 0))
    found = collect(world.ledger, world.engine, world.data, keep_releases=keep_releases)
    return found.environments, found.checkouts


async def test_young_results_stay(world: World) -> None:
    space = world.space({"README.md": card("static"), "index.html": b""})
    async with world.running():
        await world.settled(space.key)
    with world.ledger.write() as tx:
        spaces.mark_deleted(tx, space.key)
    assert collect(world.ledger, world.engine, world.data).checkouts == 0
