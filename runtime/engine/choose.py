"""Which engine this installation uses."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from config.engine import EngineSettings
from runtime.engine.docker_engine import DockerEngine
from runtime.engine.process_engine import ProcessEngine
from spaceport.engine import Engine, EngineDown

Kind = Literal["auto", "docker", "process"]


def choose(kind: Kind, settings: EngineSettings, data_dir: Path, instance: str) -> Engine:
    """`auto` is Docker where one answers now, else processes; a named one is not asked.

    `instance` tells this installation's containers from those of others on the same engine.
    """
    if kind == "process":
        return ProcessEngine(settings, data_dir, instance)
    docker = DockerEngine(settings, instance)
    if kind == "docker":
        return docker
    try:
        docker.probe()
    except EngineDown:
        docker.close()
        return ProcessEngine(settings, data_dir, instance)
    return docker
