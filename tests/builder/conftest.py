from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from builder.bases import Base
from config.engine import EngineSettings
from runtime.engine.base_tree import ask_interpreter, ensure_base
from runtime.engine.docker_engine import DockerEngine
from spaceport.engine import Engine
from tests.builder.world import OneBase, World


@pytest.fixture(scope="session")
def instance() -> str:
    return f"test-{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def engine(instance: str) -> Iterator[DockerEngine]:
    """An engine of this run; what it made goes with it."""
    found = DockerEngine(EngineSettings(), instance)
    yield found
    found.close(remove=True)


@pytest.fixture(scope="session")
def base(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Base:
    """Stays on the engine: other tests use the same one, and it is named by its content."""
    import sys

    reference = ensure_base(engine, tmp_path_factory.mktemp("bases"))
    version = ask_interpreter(Path(sys.base_prefix)).version
    return Base(reference, "/usr/local/bin/python3", version)


@pytest.fixture
def make_world(
    tmp_path: Path, engine: Engine, base: Base, instance: str
) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(**changes: object) -> World:
        data = tmp_path / "data"
        data.mkdir(exist_ok=True)
        made.append(World(data, engine, OneBase(base), instance=instance, **changes))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for world in made:
        world.ledger.close()
        world.pools.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


@pytest.fixture(scope="session")
def public_image(engine: DockerEngine, base: Base) -> Iterator[str]:
    """What a Dockerfile may name in FROM where there is no registry."""
    tag = f"test-python-{secrets.token_hex(4)}:1"
    engine.tag_image(base.reference, tag)
    yield tag
    engine.remove_image(tag)
