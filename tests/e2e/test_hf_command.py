"""The `hf` command as people type it, from the first Space to the last (hub-api 16)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import Server
from tests.waiting import eventually

HF = Path(sys.executable).with_name("hf")
APP = """
import http.server, os

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ.get("COLOR", "no color").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

print("here I am", flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", 7860), Page).serve_forever()
"""


class Hf:
    """Runs `hf` for one user; `say` gives what it printed, `told` what it printed as JSON."""

    def __init__(self, server: Server, user: str, home: Path) -> None:
        self.env = {
            **os.environ,
            "HF_ENDPOINT": server.url,
            "HF_TOKEN": server.user(user),
            "HF_HOME": str(home),
            "NO_COLOR": "1",
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [HF, *words], env=self.env, capture_output=True, text=True, timeout=180
        )

    def say(self, *words: str) -> str:
        ran = self.run(*words)
        assert ran.returncode == 0, f"hf {' '.join(words)}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def told(self, *words: str) -> Any:
        return json.loads(self.say(*words, "--format", "json"))


@pytest.mark.engine
def test_the_life_of_a_space(spaceport: Server, tmp_path: Path) -> None:
    hf = Hf(spaceport, "hera", tmp_path / "home")
    space = "hera/first"
    (tmp_path / "app.py").write_text(APP)
    assert "user: hera" in hf.say("auth", "whoami")
    hf.say("repos", "create", space, "--type", "space", "--space-sdk", "gradio")
    hf.say("upload", space, str(tmp_path / "app.py"), "app.py", "--repo-type", "space")
    assert "RUNNING" in hf.say("spaces", "wait", space)
    assert "here I am" in hf.say("spaces", "logs", space)
    assert "Build succeeded" in hf.say("spaces", "logs", space, "--build")
    assert spaceport.visit(space).text == "no color"

    hf.say("spaces", "variables", "add", space, "-e", "COLOR=red")
    assert hf.told("spaces", "variables", "ls", space)[0]["value"] == "red"
    eventually(lambda: spaceport.visit(space).text == "red", timeout=30)
    hf.env["KEY"] = "value"
    hf.say("spaces", "secrets", "add", space, "-s", "KEY")
    assert [one["key"] for one in hf.told("spaces", "secrets", "ls", space)] == ["KEY"]
    hf.say("spaces", "secrets", "delete", space, "KEY", "-y")
    assert {one["name"] for one in hf.told("spaces", "hardware")} == {"cpu-basic", "cpu-upgrade"}
    changed = hf.say(
        "spaces", "settings", space, "--hardware", "cpu-upgrade", "--sleep-time", "300"
    )
    assert "cpu-upgrade" in changed and "300" in changed
    assert "PAUSED" in hf.say("spaces", "pause", space)
    assert spaceport.visit(space).status == 503
    hf.say("spaces", "restart", space)
    assert "RUNNING" in hf.say("spaces", "wait", space)
    info = hf.told("spaces", "info", space)
    assert (info["id"], info["sdk"], info["subdomain"]) == (space, "gradio", "hera-first")
    assert hf.told("spaces", "ls", "--author", "hera")[0]["id"] == space
    assert "title: First" in hf.say("spaces", "card", space)
    listed = hf.told("repos", "ls")
    assert [one["id"] for one in listed] == [space] and listed[0]["storage"]

    hf.say("repos", "branch", "create", space, "dev", "--type", "space")
    hf.say("repos", "tag", "create", space, "v1", "--type", "space")
    hf.say("repos", "duplicate", space, "hera/copy", "--type", "space")
    hf.say("repos", "settings", "hera/copy", "--private", "--type", "space")
    hf.say("repos", "move", "hera/copy", "hera/second", "--type", "space")
    assert hf.told("spaces", "info", "hera/copy")["id"] == "hera/second"
    hf.say("repos", "delete-files", "hera/second", "app.py", "--type", "space")
    hf.say("download", space, "--repo-type", "space", "--local-dir", str(tmp_path / "copy"))
    assert (tmp_path / "copy" / "app.py").read_text() == APP
    for gone in ("hera/second", space):
        hf.say("repos", "delete", gone, "--type", "space", "-y")
    assert hf.told("repos", "ls") == []


def test_what_is_not_there_is_said(spaceport: Server, tmp_path: Path) -> None:
    hf = Hf(spaceport, "hera", tmp_path / "home")
    lost = hf.run("spaces", "info", "hera/nothing")
    assert lost.returncode and "not found" in (lost.stdout + lost.stderr).lower()
    spaceport.create_space("hera/plain", "static")
    refused = hf.run("spaces", "pause", "hera/plain")
    assert refused.returncode and "static" in (refused.stdout + refused.stderr).lower()
    spaceport.delete_space("hera/plain")
