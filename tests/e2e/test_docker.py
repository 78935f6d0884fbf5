"""The Docker example: a real image build, an API and a WebSocket through the proxy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.e2e.server import Server

ROOT = Path(__file__).parents[2]
SPACE = "ada/whiteboard"


@pytest.mark.engine
def test_what_one_visitor_writes_another_sees(spaceport: Server, python_image: str) -> None:
    spaceport.user("ada")
    spaceport.create_space(SPACE, "docker")
    assert spaceport.push(SPACE, ROOT / "examples" / "docker-fastapi").returncode == 0
    spaceport.reaches(SPACE, "RUNNING", timeout=300)
    assert "Whiteboard" in spaceport.visit(SPACE).text
    live = f"ws://{spaceport.app_host(SPACE)}/live"
    with connect(live, proxy=None) as one, connect(live, proxy=None) as other:
        assert json.loads(one.recv()) == json.loads(other.recv()) == {"notes": []}
        one.send("hello")
        assert json.loads(other.recv()) == {"note": "hello"}
    spaceport.delete_space(SPACE)
