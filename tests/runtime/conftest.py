"""One engine for all tests of a session, one world for each test."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from config.engine import EngineSettings
from runtime.engine.base_tree import ensure_base
from runtime.engine.docker_engine import DockerEngine
from runtime.engine.process_engine import ProcessEngine
from runtime.engine.process_probe import tools
from tests.runtime.world import World

# What they assert is told in full, as in a test.
pytest.register_assert_rewrite("tests.runtime.settling", "tests.runtime.views")


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


@pytest.fixture(scope="session")
def process_engine(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[ProcessEngine, str]]:
    if not tools().bwrap:
        pytest.skip("bubblewrap is not installed")
    data = tmp_path_factory.mktemp("processes")
    engine = ProcessEngine(EngineSettings(), data, f"t{secrets.token_hex(4)}")
    yield engine, ensure_base(engine, data / "bases")
    engine.close(remove=True)


@pytest.fixture(params=["docker", "process"])
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """A world of either engine."""
    tmp_path.chmod(0o755)
    if request.param == "docker":
        engine: Any = request.getfixturevalue("docker_engine")
        image: str = request.getfixturevalue("base_image")
    else:
        engine, image = request.getfixturevalue("process_engine")
    made = World(tmp_path, engine, engine._instance, image)
    yield made
    await made.close()
