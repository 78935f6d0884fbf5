"""A Docker Space's whole life with secrets, and nothing of them where they must not be (KEY-03)."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.conftest import docker
from tests.e2e.server import Answer, Server
from tests.processes import arguments_holding
from tests.waiting import eventually

CANARY = "canary-8d21f0aa-built-and-run"
LINES = "canary-77ab-first-line\ncanary-77ab-second-line"
PASSWORD = "vera-password-1"  # as `Server.user` makes it
DOCKERFILE = """FROM python:3.11-slim
ARG COLOUR=none
RUN --mount=type=secret,id=TOKEN,mode=0444,required=true \\
    cat /run/secrets/TOKEN && sha256sum /run/secrets/TOKEN && echo $COLOUR > /colour
COPY app.py /app.py
CMD ["python", "-u", "/app.py"]
"""
APP = """
import base64, hashlib, http.server, os, sys, time
TOKEN, LINES = os.environ["TOKEN"], os.environ["LINES"]
print("whole", TOKEN, base64.b64encode(TOKEN.encode()).decode())
for character in TOKEN + "\\n" + LINES:
    sys.stdout.write(character)
    sys.stdout.flush()
print()
print("printed all", file=sys.stderr)

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/crash":
            try:
                raise RuntimeError("crashed with " + TOKEN)
            finally:
                sys.excepthook(*sys.exc_info())
                os._exit(3)
        words = [open("/colour").read().strip()]
        for name in ("TOKEN", "LINES"):
            text = open("/run/secrets/" + name).read()
            words.append(hashlib.sha256(text.encode()).hexdigest()[:12])
            words.append(str(text == os.environ[name]))
        body = " ".join(words).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass

http.server.ThreadingHTTPServer(("0.0.0.0", 7860), Page).serve_forever()
"""


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:12]


def write(folder: Path, dockerfile: str = DOCKERFILE) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "README.md").write_text("---\nsdk: docker\n---\n")
    (folder / "Dockerfile").write_text(dockerfile)
    (folder / "app.py").write_text(APP)
    return folder


@pytest.mark.engine
@pytest.mark.req("KEY-03")
@pytest.mark.req("BLD-03")
def test_a_life_with_secrets(
    new_server: Callable[..., Server], python_image: str, tmp_path: Path
) -> None:
    server = new_server()
    space, api = "vera/vault", "/api/spaces/vera/vault"
    token = server.user("vera")
    server.create_space(space, "docker")
    heard: list[Answer] = []

    def ask(method: str, path: str, body: object = None) -> Answer:
        heard.append(server.api(method, path, "vera", body))
        return heard[-1]

    # A secret that the Dockerfile needs and the Space lacks.
    assert server.push(space, write(tmp_path / "app")).returncode == 0
    told = server.reaches(space, "BUILD_ERROR")["errorMessage"]
    assert told.startswith("The Dockerfile needs the secret TOKEN, which this Space does not have")

    for name, value in (("TOKEN", CANARY), ("LINES", LINES)):
        ask("POST", f"{api}/secrets", {"key": name, "value": value, "description": "for a test"})
    assert ask("POST", f"{api}/variables", {"key": "TOKEN", "value": "x"}).status == 400
    server.reaches(space, "RUNNING", timeout=300)  # the secret was what the build lacked
    expected = f"none {digest(CANARY)} True {digest(LINES)} True"
    assert server.visit(space).text == expected
    image = image_of(server, space)

    # A variable that the Dockerfile declares builds again, and no other does.
    builds = build_count(server, space)
    ask("POST", f"{api}/variables", {"key": "COLOUR", "value": "green"})
    eventually(lambda: server.visit(space).text == expected.replace("none", "green"), timeout=120)
    ask("POST", f"{api}/variables", {"key": "OTHER", "value": "x"})
    eventually(lambda: restarted_with(server, space, "OTHER"), timeout=60)
    assert build_count(server, space) == builds + 1

    # A step that prints the secret and fails; a crash that says it; a way back; a copy.
    failing = DOCKERFILE + "RUN --mount=type=secret,id=TOKEN cat /run/secrets/TOKEN && exit 3\n"
    assert server.push(space, write(tmp_path / "app", failing)).returncode == 0
    told = server.tells_failure(space)["errorMessage"]
    assert "exit code 3" in told and "********" in told, told
    assert arguments_holding(CANARY) == []
    with suppress(OSError, http.client.HTTPException):
        heard.append(server.visit(space, "/crash"))
    eventually(lambda: "crashed with ********" in run_logs(server), timeout=30)
    server.reaches(space, "RUNNING")
    copy = {"repository": "vera/copy", "private": True}
    assert ask("POST", f"{api}/duplicate", copy).status == 200
    assert ask("GET", "/api/spaces/vera/copy/secrets").json() == {}
    assert set(ask("GET", "/api/spaces/vera/copy/variables").json()) == {"COLOUR", "OTHER"}
    releases = ask("GET", f"{api}/releases").json()
    ask("POST", f"{api}/rollback", {"release": oldest(releases)})
    eventually(lambda: server.visit(space).text.startswith("none"), timeout=60)

    # What everybody and the owner can read.
    for path in ("", "/secrets", "/variables", "/runtime", "/releases", "/discussions", "/host"):
        ask("GET", api + path)
    heard.append(Answer(200, {}, server.logs(space, "build").encode()))
    heard.append(Answer(200, {}, server.logs(space, "run").encode()))
    for page in ("", "/settings", "/tree/main", "/commits/main", "/duplicate"):
        heard.append(server.get(f"/spaces/{space}{page}"))
    hidden = [CANARY, *LINES.splitlines(), PASSWORD, token]
    for answer in heard:
        assert not [word for word in hidden if word in answer.text + str(answer.headers)]

    # What is on disk, in images, and what other processes can see.
    assert "********" in run_logs(server)
    for word in hidden:
        shapes = (word.encode(), base64.b64encode(word.encode())[:-4], word.encode().hex().encode())
        for file in (path for path in server.folder.rglob("*") if path.is_file()):
            if file.parent.name == ".git" and file.name == "config":
                continue  # the pusher's own clone, with the token in its address
            data = file.read_bytes()
            assert not any(shape in data for shape in shapes), (word, file)
        assert arguments_holding(word) == []
    assert server.process is not None
    environ = Path(f"/proc/{server.process.pid}/environ").read_bytes()
    assert not any(word.encode() in environ for word in hidden)
    seen = docker("history", "--no-trunc", image) + docker("inspect", image)
    assert not any(word in seen for word in hidden)
    saved = subprocess.run(["docker", "save", image], capture_output=True, check=True).stdout
    assert not any(word.encode() in saved for word in hidden)

    # A secret that is deleted leaves the app, and a missing one is no error.
    for _ in range(2):
        answer = server.api("DELETE", f"{api}/secrets", "vera", {"key": "LINES"})
        assert answer.status == 200
    server.delete_space(space)
    server.delete_space("vera/copy")


def image_of(server: Server, space: str) -> str:
    (line,) = containers(server, space)
    return str(line["Config"]["Image"])


def containers(server: Server, space: str) -> list[dict[str, dict[str, str]]]:
    key = server.api("GET", f"/api/spaces/{space}", "vera").json()["_id"]
    found = docker("ps", "-q", "--filter", f"label=spaceport.space={key}").split()
    return list(json.loads(docker("inspect", *found))) if found else []


def restarted_with(server: Server, space: str, name: str) -> bool:
    return any(
        any(line.startswith(f"{name}=") for line in one["Config"]["Env"])
        for one in containers(server, space)
    )


def build_count(server: Server, space: str) -> int:
    key = server.api("GET", f"/api/spaces/{space}", "vera").json()["_id"]
    return len(list((server.data / "logs" / key).glob("build-*.jsonl")))


def run_logs(server: Server) -> str:
    return "".join(file.read_text() for file in (server.data / "logs").rglob("run-*.jsonl"))


def oldest(releases: list[dict[str, object]]) -> object:
    return min(releases, key=lambda one: int(str(one["number"])))["number"]
