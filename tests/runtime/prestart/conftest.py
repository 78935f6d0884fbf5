"""A supervisor on either engine, and apps for which a process can wait."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import builder
from config.engine import EngineSettings
from config.runtime import PrestartSettings
from runtime.engine.base_tree import ensure_base
from runtime.engine.process_engine import ProcessEngine
from runtime.engine.process_probe import tools
from spaceport.artifact import ArtifactMount, Prestart
from spaceport.engine import LABEL_WAITING, Engine, Observed
from spaceport.ledger.builds import Build
from spaceport.ledger.replicas import Replica
from spaceport.names import SpaceKey
from spaceport.states import ReplicaState
from tests.disks import unmount_below
from tests.runtime.world import QUICK, World
from tests.waiting import aeventually

INSIDE = Path(builder.__file__).parent / "inside"
ENVIRONMENT, CODE, APP = "/opt/spaceport/env", "/opt/spaceport/code", "/home/user/app"
PYTHON = "/usr/local/bin/python3"
PRESTART = Prestart((PYTHON, f"{ENVIRONMENT}/prestart.py", APP, "http.server", "colorsys"), CODE)


class Waited(World):
    """Its apps are laid out and started as the builder says for Gradio Spaces."""

    def push_app(self, key: SpaceKey, code: str, **files: str) -> Build:
        boot = self.data / "environments" / "e1"
        boot.mkdir(parents=True, exist_ok=True)
        for script in ("launch.py", "prestart.py"):
            shutil.copyfile(INSIDE / script, boot / script)
        checkout = self.data / "checkouts" / key / secrets.token_hex(20)
        checkout.mkdir(parents=True)
        for name, text in {"app.py": code, **files}.items():
            (checkout / name).write_text(text)
        launcher = (PYTHON, "-I", "-S", f"{ENVIRONMENT}/launch.py", CODE, APP, "0")
        return self.push(
            key,
            code,
            command=(*launcher, PYTHON, "app.py"),
            working_dir="/home/user",
            env={"HOME": "/home/user", "PYTHONPATH": APP, "PYTHONUNBUFFERED": "1"},
            mounts=(
                ArtifactMount("environments/e1", ENVIRONMENT),
                ArtifactMount(str(checkout.relative_to(self.data)), CODE),
            ),
            prestart=PRESTART,
        )

    def prepared(self) -> list[Observed]:
        """Containers that were started ahead, whatever became of them."""
        return [one for one in self.engine.list({}) if LABEL_WAITING in one.labels]

    def waiting(self) -> int:
        return 0 if self.supervisor is None else len(self.supervisor._tools.prestarted.ready())

    def was_prepared(self, key: SpaceKey) -> bool:
        """Whether the Space's newest replica runs in a container that was started ahead."""
        return self.newest_replica(key).handle in {one.handle for one in self.prepared()}

    async def replaced(self, key: SpaceKey, before: Replica) -> None:
        """Another replica than `before` is the only one, and serves."""

        await aeventually(lambda: self.is_replaced(key, before), 30)

    def is_replaced(self, key: SpaceKey, before: Replica) -> bool:
        living = [(one.id == before.id, one.state) for one in self.view(key).replicas]
        return living == [(False, ReplicaState.READY)]

    async def restarted(self, key: SpaceKey) -> None:
        before = self.newest_replica(key)
        self.restart(key)
        await self.replaced(key, before)

    async def one_waits(self) -> None:
        await aeventually(lambda: self.waiting() == 1, 30)


@pytest.fixture(scope="session", params=["docker", "process"])
def either_engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, str, str]]:
    """An engine, its instance, and a base in it."""
    instance = f"t{secrets.token_hex(4)}"
    if request.param == "docker":
        yield (
            request.getfixturevalue("docker_engine"),
            request.getfixturevalue("docker_engine")._instance,
            request.getfixturevalue("base_image"),
        )
        return
    if not tools().bwrap:
        pytest.skip("bubblewrap is not installed")
    data = tmp_path_factory.mktemp("process")
    engine = ProcessEngine(EngineSettings(firewall=False), data, instance)
    yield engine, instance, ensure_base(engine, data / "trees")
    engine.close(remove=True)


@pytest.fixture
async def waited(either_engine: tuple[Engine, str, str], tmp_path: Path) -> AsyncIterator[Waited]:
    engine, instance, base = either_engine
    tmp_path.chmod(0o755)
    made = Waited(tmp_path, engine, instance, base)
    made.settings = QUICK.model_copy(update={"prestart": PrestartSettings(total=1, quiet=0.0)})
    yield made
    await made.close()
    unmount_below(tmp_path)
