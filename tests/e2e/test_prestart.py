"""A real Gradio app in a process that waited for it, on either engine: the same app, sooner."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.engine import EngineSettings
from runtime.engine.choose import choose
from runtime.prestart.kind import PORT
from spaceport.engine import LABEL_WAITING, Engine
from tests.e2e.conftest import instance_of
from tests.e2e.server import Server
from tests.runtime.prestart.test_starts import command_lines, in_files
from tests.waiting import eventually

README = "---\ntitle: Waited for\nsdk: gradio\n---\n"
APP = """
import os
import gradio as gr

def greet(name):
    return f"Hello, {name}, from {os.environ['SPACE_ID']} {VERSION}"

VERSION = "one"
demo = gr.Interface(greet, "text", "text", api_name="greet", title=os.environ["TOKEN"])
demo.launch()
"""
JSON = {"Content-Type": "application/json"}
BODY = b'{"data": ["Grace"]}'
CALL = "/gradio_api/call"
CANARY = "canary-5d1e8a90"


@pytest.mark.parametrize("kind", [pytest.param("docker", marks=pytest.mark.engine), "process"])
def test_a_gradio_app_is_the_same_in_a_process_that_waited(
    kind: str,
    request: pytest.FixtureRequest,
    new_server: Callable[..., Server],
    tmp_path: Path,
) -> None:
    if kind == "process" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    settings = {"TOTAL": "1", "QUIET": "0"}
    more = {f"SPACEPORT__RUNTIME__PRESTART__{name}": value for name, value in settings.items()}
    server = new_server(kind, **more)
    if kind == "docker":
        server.stop()
        share_packages(request.getfixturevalue("spaceport"), server)
        server.start()
    engine = choose(kind, EngineSettings(), server.data, instance_of(server))
    server.user("ada")
    server.create_space("ada/waited", "gradio")
    server.api("POST", "/api/spaces/ada/waited/secrets", "ada", {"key": "TOKEN", "value": CANARY})
    app = tmp_path / "app"
    app.mkdir()
    (app / "README.md").write_text(README)
    (app / "app.py").write_text(APP)
    assert server.push("ada/waited", app).returncode == 0
    server.reaches("ada/waited", "RUNNING", timeout=240)
    assert not was_prepared(server, engine)
    plain = config(server)
    for version in ("two", "three", "four"):  # until Spaceport had seen that one waits
        eventually(lambda: one_waits(engine), timeout=60)
        (app / "app.py").write_text(APP.replace('"one"', f'"{version}"'))
        before = living(server)
        assert server.push("ada/waited", app, version).returncode == 0
        eventually(lambda seen=before: is_another(server, seen), timeout=60)
        if was_prepared(server, engine):
            break
    assert was_prepared(server, engine)
    assert greeting(server) == f"Hello, Grace, from ada/waited {version}"
    assert config(server) == plain
    assert plain["title"] == CANARY
    assert CANARY not in command_lines()
    assert not in_files(server.data / "prestarted", CANARY)
    engine.close()


def share_packages(source: Server, target: Server) -> None:
    """What one server has installed, so that the other need not."""
    for name in ("store", "environments"):
        if (source.data / name).is_dir():
            shutil.rmtree(target.data / name, ignore_errors=True)
            subprocess.run(["cp", "-al", source.data / name, target.data / name], check=True)


def config(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = server.visit("ada/waited", "/config").json()
    return {name: value for name, value in found.items() if name not in ("app_id", "root")}


def greeting(server: Server) -> str:
    """As gradio_client asks: an event, and then its stream."""
    host = server.app_host("ada/waited")
    asked = server.request("POST", f"{CALL}/greet", host=host, headers=JSON, body=BODY)
    told = server.get(f"{CALL}/greet/{asked.json()['event_id']}", host=host)
    return str(json.loads(told.text.partition("data: ")[2].splitlines()[0])[0])


def living(server: Server) -> list[tuple[str, str]]:
    query = "SELECT handle, state FROM replicas WHERE state != 'gone'"
    with sqlite3.connect(server.data / "ledger.sqlite3") as ledger:
        return [(str(handle), str(state)) for handle, state in ledger.execute(query)]


def is_another(server: Server, before: list[tuple[str, str]]) -> bool:
    now = living(server)
    return len(now) == 1 and now[0][1] == "ready" and now != before


def was_prepared(server: Server, engine: Engine) -> bool:
    ((handle, _),) = living(server)
    return LABEL_WAITING in engine.inspect(handle).labels


def one_waits(engine: Engine) -> bool:
    found = [one.handle for one in engine.list({}) if LABEL_WAITING in one.labels]
    return any(at.port == PORT for handle in found for at in engine.listening(handle))
