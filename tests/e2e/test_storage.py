"""Storage and volumes of a Docker Space, from its creation over kill -9 to its deletion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.disks import mounted_below
from tests.e2e.conftest import CATALOGUE
from tests.e2e.server import Server
from tests.waiting import eventually

KEEPER, SOURCE = "ada/keeper", "ada/weights"
TIERS = """
storage:
  - {slug: small, name: Small, size: 1, price: 5}
  - {slug: medium, name: Medium, size: 2, price: 25}
"""
APP = """
import http.server, urllib.parse
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = urllib.parse.unquote(self.path[2:]) or "VERSION"
        try:
            answer = str(eval(asked))
        except OSError as error:
            answer = f"errno {error.errno}"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer.encode())
http.server.ThreadingHTTPServer(("0.0.0.0", 7860), Page).serve_forever()
"""
DOCKERFILE = """
FROM python:3.11-slim
RUN test ! -e /data
COPY app.py /app.py
CMD ["python", "/app.py"]
"""


def write(folder: Path, version: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "README.md").write_text("---\ntitle: Keeper\nsdk: docker\napp_port: 7860\n---\n")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "app.py").write_text(f"VERSION = {version!r}\n{APP}")
    return folder


@pytest.mark.engine
@pytest.mark.req("4.5.1", "4.5.2", "3.4.5", "RUN-10", "DUR-05")
def test_from_creation_to_deletion(
    new_server: Callable[..., Server], python_image: str, tmp_path: Path
) -> None:
    (tmp_path / "catalogue.yaml").write_text(CATALOGUE + TIERS)
    server = new_server(SPACEPORT__CATALOGUE=str(tmp_path / "catalogue.yaml"))
    server.user("ada")
    server.create_space(SOURCE, "static")
    (tmp_path / "weights" / "large").mkdir(parents=True)
    (tmp_path / "weights" / "README.md").write_text("---\ntitle: W\nsdk: static\n---\n")
    (tmp_path / "weights" / "large" / "a.txt").write_text("forty-two")
    assert server.push(SOURCE, tmp_path / "weights").returncode == 0
    volume = {"type": "space", "source": SOURCE, "mountPath": "/models", "path": "large"}
    server.create_space(KEEPER, "docker", storageTier="small", volumes=[volume])

    def ask(expression: str) -> str:
        answer = server.visit(KEEPER, f"/?{quote(expression)}")
        return answer.text if answer.status == 200 else f"status {answer.status}"

    assert server.push(KEEPER, write(tmp_path / "app", "one")).returncode == 0
    runtime = server.reaches(KEEPER, "RUNNING", timeout=300)
    assert (runtime["storage"], runtime["volumes"]) == ("small", [{**volume, "readOnly": True}])
    assert ask("open('/data/kept', 'w').write('precious')") == "8"
    assert ask("open('/models/a.txt').read()") == "forty-two"
    assert ask("open('/models/a.txt', 'w')") == "errno 30"  # EROFS

    server.kill()
    server.start()
    eventually(lambda: ask("open('/data/kept').read()") == "precious")
    assert "of 1 GB used" in server.cli("space", "storage", KEEPER)
    assert server.push(KEEPER, write(tmp_path / "app", "two")).returncode == 0
    eventually(lambda: ask("VERSION") == "two", timeout=120)
    assert ask("open('/data/kept').read()") == "precious"
    assert server.cli("space", "storage", KEEPER, "--tier", "medium").startswith(KEEPER)
    grown = "__import__('os').statvfs('/data').f_blocks * 4096 > 1.5 * 2**30"
    eventually(lambda: ask(grown) == "True", timeout=60)
    assert ask("open('/data/kept').read()") == "precious"
    assert "storage" in server.cli("doctor", check=False)

    assert server.api("DELETE", f"/api/spaces/{KEEPER}/storage", "ada").status == 200
    eventually(lambda: ask("__import__('os').path.exists('/data')") == "False", timeout=60)
    eventually(lambda: not mounted_below(server.data), timeout=30)
    server.delete_space(KEEPER)
    eventually(lambda: not list((server.data / "volumes").iterdir()), timeout=30)
    eventually(lambda: not list((server.data / "shares").glob("*/*")), timeout=30)
