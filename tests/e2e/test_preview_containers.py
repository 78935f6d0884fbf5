"""A preview's container: its branch's code, its own secrets, beside the app of `main`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import docker, instance_of
from tests.e2e.server import Server, git
from tests.waiting import eventually

DOCKERFILE = """FROM python:3.11-slim
COPY app.py /app.py
CMD ["python", "/app.py"]
"""
APP = """
import http.server
import json
import os

KEEP = ("SPACE_ID", "SPACE_HOST", "MODE", "TOKEN")


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        said = {"branch": "BRANCH", **{name: os.environ.get(name) for name in KEEP}}
        self.wfile.write(json.dumps(said).encode())


http.server.ThreadingHTTPServer(("0.0.0.0", 7860), Page).serve_forever()
"""


def write(folder: Path, branch: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "README.md").write_text("---\nsdk: docker\n---\n")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "app.py").write_text(APP.replace("BRANCH", branch))
    return folder


def running(server: Server) -> set[str]:
    label = f"label=spaceport.instance={instance_of(server)}"
    return set(docker("ps", "-q", "--filter", label, "--filter", "label=spaceport.replica").split())


@pytest.mark.engine
@pytest.mark.req("13.1.2", "5.7", "9.1")
def test_it_runs_beside_the_app_and_leaves_nothing(
    new_server: Callable[..., Server], python_image: str, tmp_path: Path
) -> None:
    server = new_server(SPACEPORT__PREVIEWS__SLEEP="3")
    server.user("ada")
    server.create_space("ada/twin", "docker")
    for kind, entry in (
        ("variables", {"key": "MODE", "value": "fast"}),
        ("secrets", {"key": "TOKEN", "value": "of the Space"}),
    ):
        assert server.api("POST", f"/api/spaces/ada/twin/{kind}", "ada", entry).status == 200
    assert server.push("ada/twin", write(tmp_path / "app", "main")).returncode == 0
    server.reaches("ada/twin", "RUNNING", timeout=240)
    main = running(server)
    checkout = server.folder / "checkouts" / "ada-twin"
    write(checkout, "draft")
    git("commit", "-qam", "Draft", cwd=checkout)
    git("push", "origin", "HEAD:draft", cwd=checkout)
    server.cli("space", "set-secret", "ada/twin@draft", "TOKEN", input="of the preview\n")
    assert running(server) == main  # asleep until somebody comes
    host = f"ada-twin--draft.localhost:{server.port}"

    def seen() -> dict[str, str] | None:
        answer = server.get("/", host=host, headers={"Accept": "application/json"})
        return dict(answer.json()) if answer.text.startswith('{"branch"') else None

    assert eventually(seen, timeout=120) == {
        "branch": "draft",
        "SPACE_ID": "ada/twin",
        "SPACE_HOST": host,
        "MODE": "fast",
        "TOKEN": "of the preview",
    }
    said = server.visit("ada/twin").json()
    assert (said["branch"], said["TOKEN"]) == ("main", "of the Space")
    assert len(running(server)) == 2
    eventually(lambda: running(server) == main, timeout=60)  # asleep again
    assert eventually(seen, timeout=60)
    git("push", "origin", ":draft", cwd=checkout)
    eventually(lambda: running(server) == main, timeout=60)
    assert eventually(lambda: server.get("/", host=host).status == 404, timeout=30)
    assert server.visit("ada/twin").json()["branch"] == "main"
    server.delete_space("ada/twin")
    eventually(lambda: not running(server), timeout=60)
