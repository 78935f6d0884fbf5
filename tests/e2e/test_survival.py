"""`kill -9` of Spaceport, at any moment: apps keep running, nothing acknowledged is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import docker, instance_of
from tests.e2e.server import Server, git
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]

APP = """
import http.server
import os


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"VERSION")


http.server.ThreadingHTTPServer(("0.0.0.0", 7860), Page).serve_forever()
"""
README = "---\ntitle: Survivor\nsdk: gradio\n---\n"

pytestmark = pytest.mark.engine


def write(folder: Path, version: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "README.md").write_text(README)
    (folder / "app.py").write_text(APP.replace("VERSION", version))
    return folder


def containers(server: Server) -> set[str]:
    label = f"label=spaceport.instance={instance_of(server)}"
    return set(docker("ps", "-q", "--filter", label, "--filter", "label=spaceport.replica").split())


@pytest.mark.req("DUR-05")
def test_apps_survive_and_are_adopted(new_server: Callable[..., Server], tmp_path: Path) -> None:
    server = new_server()
    server.user("ada")
    server.create_space("ada/survivor", "gradio")
    assert server.push("ada/survivor", write(tmp_path / "app", "one")).returncode == 0
    server.reaches("ada/survivor", "RUNNING", timeout=240)
    before = containers(server)
    assert len(before) == 1
    server.kill()
    assert containers(server) == before
    server.start()
    server.reaches("ada/survivor", "RUNNING")
    assert server.visit("ada/survivor").text == "one"
    assert containers(server) == before  # adopted, not started again
    assert server.stop() == 0
    assert containers(server) == before  # a graceful stop leaves them too
    server.start()
    assert eventually(lambda: server.visit("ada/survivor").text == "one", timeout=30)
    server.delete_space("ada/survivor")
    eventually(lambda: not containers(server), timeout=60)


@pytest.mark.req("DUR-01", "DUR-06")
@pytest.mark.parametrize("point", ["push:before-refs", "push:after-refs"])
def test_a_push_that_meets_a_kill_is_whole_or_absent(
    new_server: Callable[..., Server], tmp_path: Path, point: str
) -> None:
    server = new_server()
    server.user("ada")
    server.create_space("ada/page", "static")
    page = tmp_path / "page"
    page.mkdir()
    (page / "README.md").write_text("---\nsdk: static\n---\n")
    (page / "index.html").write_text("<p>first</p>")
    assert server.push("ada/page", page).returncode == 0
    server.reaches("ada/page", "RUNNING")
    assert server.stop() == 0
    server.settings["SPACEPORT_FAILPOINTS"] = f"{point}=exit"
    server.start()
    (page / "index.html").write_text("<p>second</p>")
    assert server.push("ada/page", page).returncode != 0  # never acknowledged
    assert server.process is not None
    server.process.wait(20)
    del server.settings["SPACEPORT_FAILPOINTS"]
    server.start()
    repository = next((server.data / "repos").glob("*/*.git"))
    checked = git("fsck", "--full", "--strict", cwd=repository)
    assert "missing" not in checked.stdout + checked.stderr
    checkout = server.folder / "checkouts" / "ada-page"
    subprocess.run(["git", "push", "origin", "HEAD:main"], cwd=checkout, check=True)
    eventually(lambda: "second" in server.visit("ada/page").text, timeout=40)
    server.stop()


def test_a_second_server_on_the_same_data_refuses_to_start(
    new_server: Callable[..., Server],
) -> None:
    server = new_server()
    second = Server(server.folder, settings=server.settings)
    with pytest.raises(AssertionError, match="already"):
        second.start()
    assert server.get("/healthz").status == 200
