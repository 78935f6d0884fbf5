"""The installer by itself, with an index whose servers do not agree."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
OLD, NEW = ("1.0",), ("1.0", "2.0")


class Index(ThreadingHTTPServer):
    """Has the package `demo`; `answers` are the versions it tells, one request after the other,
    the last of them for good."""

    daemon_threads = True

    def __init__(self, answers: Sequence[tuple[str, ...]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = list(answers)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def told(self) -> tuple[str, ...]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Handler(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        body = wheel(name.split("-")[1]) if name else page(self.server.told())
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if not name else "application/zip")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_: Any) -> None:
        pass


def page(versions: Sequence[str]) -> bytes:
    files = (f"demo-{version}-py3-none-any.whl" for version in versions)
    return "".join(f'<a href="/files/{file}">{file}</a>' for file in files).encode()


def wheel(version: str) -> bytes:
    info = f"demo-{version}.dist-info"
    files = {
        "demo.py": f"VERSION = '{version}'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: demo\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


@pytest.fixture
def index(request: pytest.FixtureRequest) -> Iterator[Index]:
    server = Index(request.param)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def install(folder: Path, index: Index) -> subprocess.CompletedProcess[str]:
    tools, job = folder / "tools", folder / "job"
    tools.mkdir()
    job.mkdir()
    for source in (ROOT / "builder/inside/install.py", Path(sys.executable).with_name("uv")):
        shutil.copy(source, tools)
    wanted: dict[str, Any] = {"requirements": ["demo"], "constraints": [], "before": []}
    wanted |= {"python": sys.executable, "indexes": [], "index": f"{index.url}/simple"}
    wanted |= {"prerelease": False, "lock": "", "shared": True, "bytecode": "", "code": ""}
    (job / "job.json").write_text(json.dumps(wanted))
    return subprocess.run(
        [sys.executable, "-I", "-S", tools / "install.py", job],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "UV_CACHE_DIR": str(folder / "c")},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("index", [(NEW, OLD)], indirect=True)
def test_a_release_that_only_some_servers_of_the_index_have(tmp_path: Path, index: Index) -> None:
    ran = install(tmp_path, index)
    assert ran.returncode == 0, ran.stderr
    assert "asking it once more" in ran.stdout
    assert (tmp_path / "job/lock.txt").read_text() == "demo==1.0\n"
    (module,) = (tmp_path / "job/venv").rglob("demo.py")
    assert module.read_text() == "VERSION = '1.0'\n"


@pytest.mark.parametrize("index", [(NEW, OLD, NEW, OLD, NEW, OLD)], indirect=True)
def test_an_index_that_never_agrees_is_given_up(tmp_path: Path, index: Index) -> None:
    ran = install(tmp_path, index)
    assert ran.returncode == 1
    assert ran.stdout.count("asking it once more") == 2
    assert "no version of demo==2.0" in " ".join(ran.stderr.split())


@pytest.mark.parametrize("index", [(NEW,)], indirect=True)
def test_an_index_that_agrees_is_asked_once(tmp_path: Path, index: Index) -> None:
    ran = install(tmp_path, index)
    assert ran.returncode == 0, ran.stderr
    assert "once more" not in ran.stdout
