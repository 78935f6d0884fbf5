"""Fate during a build: a disk that is really full, an engine that dies (DUR-08, DUR-14)."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.engine.base_tree import ensure_base
from runtime.engine.docker_engine import DockerEngine
from spaceport.cause import Cause
from spaceport.engine import LABEL_BUILD
from spaceport.ledger import builds, spaces
from spaceport.ledger.builds import Build
from spaceport.states import BuildState
from tests import disks
from tests.builder.world import World, card
from tests.runtime.own_engine import OwnEngine
from tests.waiting import aeventually

pytestmark = pytest.mark.engine
MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The world's data folder, on a file system of 200 MiB of its own."""
    with disks.small_disk(tmp_path / "data", 200) as folder:
        yield folder


def fill(folder: Path, leave: int) -> Path:
    """A file that leaves so many bytes free."""
    filler = folder / "filler"
    status = os.statvfs(folder)
    filler.write_bytes(bytes(status.f_bavail * status.f_frsize - leave))
    return filler


@pytest.mark.req("DUR-08")
async def test_a_full_disk_fails_the_build_and_nothing_else(
    small_disk: Path, make_world: Callable[..., World]
) -> None:
    world = make_world()
    world.worker()  # lays out its tools
    space = world.space({"README.md": card("static"), "index.html": os.urandom(2 * MIB)})
    filler = fill(small_disk, leave=MIB)
    async with world.running():
        build = await world.settled(space.key)
        assert build.failure is not None
        assert build.failure.cause is Cause.DISK_FULL, world.log(build)
        assert not list(world.places.scratch.iterdir())
        filler.unlink()
        with world.ledger.write() as tx:
            spaces.restart(tx, space.key)
        again = await world.settled(space.key, 2)
    assert again.state is BuildState.SUCCEEDED


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[tuple[OwnEngine, DockerEngine]]:
    """An engine of this test alone, which may be killed."""
    name = f"spt{secrets.token_hex(4)}"
    tmp_path.chmod(0o755)
    daemon = OwnEngine(Path(tempfile.mkdtemp(prefix=name)), name)
    try:
        daemon.up()
        engine = DockerEngine(daemon.settings, name)
        yield daemon, engine
        engine.close(remove=True)
    finally:
        daemon.close()


@pytest.mark.req("DUR-14")
async def test_a_build_whose_engine_dies_is_built_when_it_is_back(
    mortal: tuple[OwnEngine, DockerEngine], make_world: Callable[..., World], tmp_path: Path
) -> None:
    daemon, engine = mortal
    world = make_world()
    world.engine = engine
    base = ensure_base(engine, tmp_path / "bases")
    world.bases.base = type(world.bases.base)(base, "/usr/local/bin/python3", "3.11")
    command = '"echo begun; while [ ! -e index.html ]; do sleep 0.2; done; sleep 2"'
    readme = card("static", app_build_command=command)
    space = world.space({"README.md": readme, "index.html": b"made"})

    def runs() -> Build | None:
        build = world.newest(space.key)
        return build if build is not None and "begun" in world.log(build).split("\n") else None

    async with world.running():
        first = await aeventually(runs, timeout=60)
        assert first is not None
        daemon.kill()
        await aeventually(lambda: "queued again" in world.log(first), timeout=60)
        daemon.up()
        second = await world.settled(space.key, first.number + 1, timeout=60)
        assert second.state is BuildState.SUCCEEDED, world.log(second)
        labelled = [found for found in engine.list({}) if LABEL_BUILD in found.labels]
        assert not labelled
    with world.ledger.read() as tx:
        old = builds.get(tx, first.id)
    assert old is not None
    assert old.state is BuildState.INTERRUPTED
