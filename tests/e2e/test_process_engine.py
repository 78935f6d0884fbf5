"""Without a container engine: the same push, the app as a sandboxed local process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.server import Server
from tests.waiting import eventually

README = "---\ntitle: Sandboxed\nsdk: gradio\n---\n"
APP = """
import http.server
import os


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{os.environ['SPACE_ID']} as {os.getuid()}".encode())


http.server.ThreadingHTTPServer(("0.0.0.0", 7860), Page).serve_forever()
"""


@pytest.mark.skipif(
    shutil.which("bwrap") is None and os.geteuid() == 0, reason="bubblewrap is not installed"
)
def test_a_push_becomes_a_running_process(
    new_server: Callable[..., Server], tmp_path: Path
) -> None:
    server = new_server("process")
    server.user("ada")
    server.create_space("ada/sandboxed", "gradio")
    app = tmp_path / "app"
    app.mkdir()
    (app / "README.md").write_text(README)
    (app / "app.py").write_text(APP)
    assert server.push("ada/sandboxed", app).returncode == 0
    server.reaches("ada/sandboxed", "RUNNING", timeout=240)
    said = server.visit("ada/sandboxed").text
    assert said.startswith("ada/sandboxed as ")
    assert not said.endswith(" 0")  # never root
    server.kill()
    server.start()  # it was not a child to be killed with the server: it is adopted
    eventually(lambda: server.visit("ada/sandboxed").text == said, timeout=30)
    (app / "Dockerfile").write_text("FROM python:3.11-slim\n")
    (app / "README.md").write_text("---\nsdk: docker\n---\n")
    assert server.push("ada/sandboxed", app).returncode == 0
    assert server.tells_failure("ada/sandboxed")["cause"] == "SDK_UNAVAILABLE"
    assert server.visit("ada/sandboxed").text == said
    host = server.app_host("ada/sandboxed")
    server.delete_space("ada/sandboxed")
    eventually(lambda: server.get("/", host=host).status == 404, timeout=30)
