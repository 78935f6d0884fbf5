"""packages.txt: Debian packages for a Gradio Space, and what an unknown one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.server import Server

README = "---\ntitle: Packages\nsdk: gradio\n---\n"
APP = """
import http.server
import subprocess


class Tree(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(subprocess.run(["tree", "--version"], capture_output=True).stdout)


http.server.HTTPServer(("0.0.0.0", 7860), Tree).serve_forever()
"""


def write(folder: Path, packages: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "README.md").write_text(README)
    (folder / "app.py").write_text(APP)
    (folder / "packages.txt").write_text(packages)
    return folder


@pytest.mark.engine
def test_a_debian_package_is_there_and_an_unknown_one_is_told(
    spaceport: Server, tmp_path: Path
) -> None:
    space = "ada/with-packages"
    spaceport.user("ada")
    spaceport.create_space(space, "gradio")
    assert spaceport.push(space, write(tmp_path / "app", "# shows folders\ntree\n")).returncode == 0
    spaceport.reaches(space, "RUNNING", timeout=300)
    assert spaceport.visit(space).text.startswith("tree v")
    unknown = write(tmp_path / "app", "spaceport-no-such-package\n")
    assert spaceport.push(space, unknown).returncode == 0
    told = spaceport.tells_failure(space)
    assert told["cause"] == "SYSTEM_PACKAGE_NOT_FOUND"
    assert "spaceport-no-such-package" in told["errorMessage"]
    spaceport.delete_space(space)
