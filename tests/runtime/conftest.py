"""One engine for all tests of a session, one world for each test."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from config.engine import EngineSettings
from runtime.engine.base_tree import ensure_base
from runtime.engine.docker_engine import DockerEngine
from tests.runtime.world import World


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    engine = DockerEngine(EngineSettings(firewall=False), f"t{secrets.token_hex(4)}")
    yield engine
    engine.close(remove=True)


@pytest.fixture(scope="session")
def base_image(docker_engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> str:
    return ensure_base(docker_engine, tmp_path_factory.mktemp("bases"))


@pytest.fixture
async def world(
    docker_engine: DockerEngine, base_image: str, tmp_path: Path
) -> AsyncIterator[World]:
    tmp_path.chmod(0o755)
    made = World(tmp_path, docker_engine, docker_engine._instance, base_image)
    yield made
    await made.close()
