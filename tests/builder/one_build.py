"""A builder in a process of its own, to be killed: DATA INSTANCE BASE."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from builder.bases import Base
from config.engine import EngineSettings
from runtime.engine.docker_engine import DockerEngine
from tests.builder.world import OneBase, World


async def main(data: str, instance: str, reference: str, python: str, version: str) -> None:
    engine = DockerEngine(EngineSettings(), instance)
    world = World(Path(data), engine, OneBase(Base(reference, python, version)))
    async with world.running():
        await asyncio.sleep(60)


asyncio.run(main(*sys.argv[1:]))
