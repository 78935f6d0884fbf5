"""Runs a supervisor in a process of its own, to be killed: `python -m tests.runtime.supervise`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from config.engine import EngineSettings
from config.runtime import RuntimeSettings
from runtime.engine.docker_engine import DockerEngine
from tests.runtime.world import World


async def main(data: Path, instance: str, image: str) -> None:
    engine = DockerEngine(EngineSettings(firewall=False), instance)
    world = World(data, engine, instance, image)
    changes = json.loads(os.environ.get("SUPERVISE_SETTINGS", "{}"))
    world.settings = RuntimeSettings.model_validate({**world.settings.model_dump(), **changes})
    world.secrets = json.loads((data / "secrets.json").read_text())
    world.start()
    print("supervising", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
