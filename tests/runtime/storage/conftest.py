"""Worlds on both engines, with apps that do what a test tells them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from config.engine import EngineSettings
from config.runtime import RuntimeSettings
from config.storage import StorageSettings
from runtime.engine.base_tree import ensure_base
from runtime.engine.docker_engine import DockerEngine
from runtime.engine.process_engine import ProcessEngine
from runtime.engine.process_probe import tools
from runtime.storage import ext4
from spaceport.engine import Engine
from spaceport.ledger import volumes
from spaceport.names import SpaceKey
from tests.runtime.world import QUICK, World
from tests.waiting import aeventually

MIB = 1024**2
SETTINGS: RuntimeSettings = QUICK.model_copy(
    update={"storage": StorageSettings(watch=0.2, reserve=0, scratch=False)}
)

APP = """
import fcntl, http.server, os, pathlib, urllib.parse
data = pathlib.Path("/data")
if data.is_dir():
    lock = open(data / ".lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = urllib.parse.unquote(self.path[2:]) or "VERSION"
        try:
            answer = str(eval(asked))
        except Exception as error:
            answer = f"{{type(error).__name__}} {{getattr(error, 'errno', '')}}"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer.encode())
    def log_message(self, *a): pass
VERSION = {version!r}
http.server.ThreadingHTTPServer(("0.0.0.0", 7860), Page).serve_forever()
"""
"""Answers `/?EXPRESSION` with what Python makes of it. Two at once on one disk end at the lock."""


def app(version: str = "one") -> str:
    return APP.format(version=version)


@dataclass
class StorageWorld(World):
    def set_tier(self, key: SpaceKey, megabytes: int, tier: str = "small") -> str:
        with self.ledger.write() as tx:
            space = self.view(key).space
            disk, _ = volumes.set_tier(tx, space, tier, megabytes * MIB)
        return disk.id

    def remove_storage(self, key: SpaceKey) -> None:
        with self.ledger.write() as tx:
            volumes.remove(tx, key)

    async def ask(self, key: SpaceKey, expression: str) -> str:
        return await self.get(key, "/?" + quote(expression))

    def mounted(self) -> list[ext4.Mounted]:
        return [one for one in ext4.all_mounted() if one.target.startswith(str(self.data))]

    def attached(self) -> list[str]:
        """Files of this world that a loop device has open although no mount needs it.

        Whatever makes a mount namespace meanwhile, also of another program, has copies of all.
        """
        found = []
        for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
            with suppress(OSError):
                file = backing.read_text().strip()
                if file.startswith(str(self.data)) and not held(backing.parent.parent.name):
                    found.append(file)
        return found


def held(device: str) -> bool:
    """Whether any namespace of this machine has the device mounted."""
    for info in Path("/proc").glob("[0-9]*/mountinfo"):
        with suppress(OSError):
            if f" /dev/{device} " in info.read_text():
                return True
    return False


@pytest.fixture(scope="session", params=["docker", "process"])
def engine_and_base(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, str, str]]:
    instance = f"t{secrets.token_hex(4)}"
    if request.param == "docker":
        docker: DockerEngine = request.getfixturevalue("docker_engine")
        yield docker, request.getfixturevalue("base_image"), docker._instance
        return
    if not tools().bwrap:
        pytest.skip("bubblewrap is not installed")
    data = tmp_path_factory.mktemp("processes")
    engine = ProcessEngine(EngineSettings(firewall=False), data, instance)
    yield engine, ensure_base(engine, data / "trees"), instance
    engine.close(remove=True)


@pytest.fixture
async def stored(
    engine_and_base: tuple[Engine, str, str], tmp_path: Path
) -> AsyncIterator[StorageWorld]:
    """Ends with everything unmounted."""
    engine, base, instance = engine_and_base
    tmp_path.chmod(0o755)
    made = StorageWorld(tmp_path, engine, instance, base, settings=SETTINGS)
    yield made
    await made.close()
    for one in made.mounted():
        ext4.unmount(Path(one.target), lazy=True)
    await aeventually(lambda: not made.attached())
