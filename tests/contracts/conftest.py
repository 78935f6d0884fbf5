"""One container engine of each kind, labelled with a run of its own and removed at the end."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from config.engine import EngineSettings
from runtime.engine.base_tree import ensure_base
from runtime.engine.docker_engine import DockerEngine
from runtime.engine.process_engine import ProcessEngine
from runtime.engine.process_probe import tools
from spaceport.engine import ContainerSpec, EngineDown, Handle

AnyEngine = DockerEngine | ProcessEngine


@dataclass
class Rig:
    """An engine, how to make another object of the same, and the base image in it."""

    engine: AnyEngine
    again: Callable[[], AnyEngine]
    base: str
    kind: str
    instance: str

    def spec(self, code: str, **fields: Any) -> ContainerSpec:
        """A container that runs this Python."""
        fields.setdefault("name", f"t-{secrets.token_hex(4)}")
        command = ("python", "-u", "-c", code)
        return ContainerSpec(**{"image": self.base, "command": command, **fields})

    def printed(self, code: str, **fields: Any) -> list[str]:
        """What this Python prints, run to a good end."""
        lines: list[str] = []
        ended = self.engine.run(self.spec(code, **fields), lines.append, timeout=60)
        assert ended.code == 0, lines
        return lines

    def started(self, code: str, **fields: Any) -> Handle:
        return self.engine.start(self.spec(code, **fields))


def make_engine(kind: str, data: Path, instance: str) -> AnyEngine:
    settings = EngineSettings()
    if kind == "docker":
        return DockerEngine(settings, instance)
    return ProcessEngine(settings, data, instance)


@pytest.fixture(scope="session", params=["docker", "process"])
def shared_rig(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rig]:
    kind: str = request.param
    if kind == "process" and not tools().bwrap:
        pytest.skip("bubblewrap is not installed")
    instance = f"t{secrets.token_hex(5)}"
    data = tmp_path_factory.mktemp("engine")
    engine = make_engine(kind, data, instance)
    try:
        base = ensure_base(engine, data / "trees")
    except EngineDown as error:
        pytest.skip(str(error))
    yield Rig(engine, lambda: make_engine(kind, data, instance), base, kind, instance)
    engine.close(remove=True)


@pytest.fixture
def rig(shared_rig: Rig) -> Iterator[Rig]:
    yield shared_rig
    for found in shared_rig.engine.list({}):
        shared_rig.engine.remove(found.handle)
