"""Engines that are down, killed controllers, and installations side by side."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.engine import EngineSettings
from runtime.engine.base_tree import ensure_base
from runtime.engine.choose import choose
from runtime.engine.docker_engine import DockerEngine
from runtime.engine.process_engine import ProcessEngine
from spaceport.engine import (
    ContainerSpec,
    ContainerState,
    EngineDown,
    EngineRefused,
    ImageBuild,
    NoSuchContainer,
)
from tests.contracts.conftest import Rig, make_engine
from tests.waiting import eventually

SPEC = ContainerSpec("name", "image:1", command=("true",))
CALLS: dict[str, Callable[[DockerEngine], Any]] = {
    "probe": lambda engine: engine.probe(),
    "start": lambda engine: engine.start(SPEC),
    "run": lambda engine: engine.run(SPEC, print, timeout=5),
    "stop": lambda engine: engine.stop("a" * 64, 1),
    "remove": lambda engine: engine.remove("a" * 64),
    "freeze": lambda engine: engine.freeze("a" * 64),
    "reclaim": lambda engine: engine.reclaim("a" * 64),
    "thaw": lambda engine: engine.thaw("a" * 64),
    "list": lambda engine: engine.list({}),
    "inspect": lambda engine: engine.inspect("a" * 64),
    "wait": lambda engine: engine.wait("a" * 64),
    "logs": lambda engine: list(engine.logs("a" * 64)),
    "connect": lambda engine: engine.connect("a" * 64, 80, 1),
    "listening": lambda engine: engine.listening("a" * 64),
    "has_image": lambda engine: engine.has_image("image:1"),
    "pull": lambda engine: engine.pull("image:1"),
    "remove_image": lambda engine: engine.remove_image("image:1"),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dead", ["absent", "refusing"])
def test_every_call_says_that_the_engine_is_down(name: str, dead: str, tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    if dead == "refusing":
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(path))
    engine = DockerEngine(EngineSettings(docker_host=f"unix://{path}"), "t")
    with pytest.raises(EngineDown) as caught:
        CALLS[name](engine)
    assert str(path) in str(caught.value)
    assert caught.value.hint
    engine.close()


def test_an_engine_that_hangs_up_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        hanging_up = threading.Thread(target=lambda: listener.accept()[0].close())
        hanging_up.start()
        engine = DockerEngine(EngineSettings(docker_host=f"unix://{path}"), "t")
        with pytest.raises(EngineDown):
            engine.list({})
        hanging_up.join(10)
    engine.close()


def test_without_an_engine_processes_are_chosen(tmp_path: Path) -> None:
    settings = EngineSettings(docker_host=f"unix://{tmp_path}/none.sock")
    chosen = choose("auto", settings, tmp_path, "t")
    assert isinstance(chosen, ProcessEngine)
    assert isinstance(choose("docker", settings, tmp_path, "t"), DockerEngine)
    with pytest.raises(EngineRefused, match="Dockerfiles"):
        chosen.build_image(ImageBuild(tmp_path, "Dockerfile", "x:1"), print, timeout=5)


CONTROLLER = """
import sys, time
from pathlib import Path
from tests.contracts.conftest import make_engine
from spaceport.engine import ContainerSpec
kind, data, instance, base = sys.argv[1:]
engine = make_engine(kind, Path(data), instance)
code = "import time\\nfor n in range(10**6): print(n); time.sleep(0.02)"
spec = ContainerSpec("kept", base, command=("python", "-u", "-c", code))
print(engine.start(spec), flush=True)
time.sleep(600)
"""


@pytest.mark.engine
@pytest.mark.parametrize("kind", ["docker", "process"])
def test_containers_outlive_a_killed_controller(kind: str, tmp_path: Path) -> None:
    instance = f"t{secrets.token_hex(5)}"
    engine = make_engine(kind, tmp_path, instance)
    try:
        base = ensure_base(engine, tmp_path / "trees")
        arguments = [kind, str(tmp_path), instance, base]
        controller = subprocess.Popen(
            [sys.executable, "-c", CONTROLLER, *arguments], stdout=subprocess.PIPE, text=True
        )
        assert controller.stdout is not None
        handle = controller.stdout.readline().strip()
        controller.kill()
        controller.wait()
        controller.stdout.close()
        (found,) = engine.list({})
        assert (found.handle, found.state) == (handle, ContainerState.RUNNING)
        lines = engine.logs(handle)
        texts = [next(lines).text for _ in range(30)]  # so it printed on after the kill
        assert texts == [str(n) for n in range(30)]
        engine.stop(handle, 1)
        assert engine.inspect(handle).state is ContainerState.EXITED
    finally:
        engine.close(remove=True)


@pytest.mark.engine
def test_a_killed_keeper_is_noticed_and_takes_its_app_along(rig: Rig) -> None:
    if rig.kind != "process":
        pytest.skip("keepers belong to the process engine")
    handle = rig.started("import time; time.sleep(600)")
    pid = rig.engine.inspect(handle).pid
    assert isinstance(rig.engine, ProcessEngine)
    folder = rig.engine._store.folder(handle)
    os.kill(json.loads((folder / "running.json").read_text())["keeper"], signal.SIGKILL)
    ended = eventually(lambda: rig.engine.inspect(handle).exit)
    assert (ended.code, ended.error) == (137, "its keeper was killed")
    eventually(lambda: not running(pid))


def running(pid: int | None) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


@pytest.mark.engine
def test_another_installations_containers_are_left_alone(tmp_path: Path) -> None:
    ours, theirs = (DockerEngine(EngineSettings(), f"t{secrets.token_hex(5)}") for _ in range(2))
    try:
        base = ensure_base(ours, tmp_path / "trees")
        spec = ContainerSpec("same", base, command=("sleep", "600"))
        handle = theirs.start(spec)
        ours.start(spec)
        assert handle not in [found.handle for found in ours.list({})]
        ours.stop(handle, 0)
        ours.remove(handle)
        with pytest.raises(NoSuchContainer):
            ours.inspect(handle)
        with pytest.raises(NoSuchContainer):
            ours.connect(handle, 80, 1)
        assert theirs.inspect(handle).state is ContainerState.RUNNING
    finally:
        ours.close(remove=True)
        theirs.close(remove=True)
