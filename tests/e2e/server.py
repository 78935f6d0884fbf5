"""A whole Spaceport in a process of its own, and what a user does to it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.waiting import eventually

SPACEPORT = Path(sys.executable).with_name("spaceport")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """`start()` it; everything that a test makes lives below `folder`."""

    folder: Path
    engine: str = "docker"
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")

    def environment(self) -> dict[str, str]:
        """With the data folder relative to where it is started, as `make serve` has it."""
        places = {"SPACEPORT_DATA": self.data.name, "SPACEPORT__SSH": "127.0.0.1:0"}
        return {**os.environ, **places, **self.settings}

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [SPACEPORT, "serve", "--http", f"127.0.0.1:{self.port}", "--engine", self.engine],
                env=self.environment(),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(self._healthy, timeout=60)

    def _healthy(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"the server ended:\n{self.log[-4000:]}")
        try:
            return self.get("/healthz").status == 200
        except OSError:
            return False

    def kill(self) -> None:
        """`kill -9` of Spaceport itself; the apps are not its children to be killed with it."""
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
            self.process = None

    def stop(self) -> int:
        """TERM, as an init system does; returns the exit status."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            return self.process.wait(40)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError(f"did not stop on TERM:\n{self.log[-4000:]}") from None
        finally:
            self.process = None

    def cli(self, *words: str, input: str | None = None, check: bool = True) -> str:
        """Run the command line beside the running server; return what it printed."""
        ran = subprocess.run(
            [SPACEPORT, *words],
            env=self.environment(),
            cwd=self.folder,
            input=input,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if check and ran.returncode:
            raise AssertionError(f"spaceport {' '.join(words)}: {ran.stdout}{ran.stderr}")
        return ran.stdout.strip()

    def user(self, name: str) -> str:
        """Make a user with a write token; return the token."""
        if name not in self.tokens:
            self.cli("user", "create", name, "--password-stdin", input=f"{name}-password-1\n")
            self.tokens[name] = self.cli("token", "create", name, "--role", "write")
        return self.tokens[name]

    def request(
        self,
        method: str,
        path: str,
        *,
        host: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = 30,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            sent = {"Host": host or f"localhost:{self.port}", **(headers or {})}
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def get(self, path: str, **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def api(self, method: str, path: str, user: str, body: Any = None) -> Answer:
        headers = {"Authorization": f"Bearer {self.user(user)}", "Content-Type": "application/json"}
        sent = None if body is None else json.dumps(body).encode()
        return self.request(method, path, headers=headers, body=sent)

    def create_space(self, space: str, sdk: str, **more: Any) -> None:
        author, name = space.split("/")
        body = {"name": name, "organization": None, "type": "space", "sdk": sdk, **more}
        answer = self.api("POST", "/api/repos/create", author, body)
        assert answer.status == 200, answer.text

    def delete_space(self, space: str) -> None:
        author, name = space.split("/")
        body = {"name": name, "organization": None, "type": "space"}
        self.api("DELETE", "/api/repos/delete", author, body)

    def remote(self, space: str) -> str:
        author = space.split("/")[0]
        return f"http://{author}:{self.user(author)}@localhost:{self.port}/spaces/{space}"

    def push(
        self, space: str, source: Path, message: str = "A change"
    ) -> subprocess.CompletedProcess[str]:
        """Commit the files of `source` on top of what is there, and push with plain git."""
        checkout = self.folder / "checkouts" / space.replace("/", "-")
        if not checkout.exists():
            git("clone", self.remote(space), str(checkout), cwd=self.folder)
        for entry in checkout.iterdir():
            if entry.name not in {".git", ".gitattributes"}:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        shutil.copytree(
            source, checkout, dirs_exist_ok=True, ignore=shutil.ignore_patterns("expect.yaml")
        )
        git("add", "-A", cwd=checkout)
        git("commit", "--allow-empty", "-m", message, cwd=checkout)
        return git("push", "origin", "HEAD:main", cwd=checkout, check=False)

    def runtime(self, space: str) -> dict[str, Any]:
        answer = self.api("GET", f"/api/spaces/{space}/runtime", space.split("/")[0])
        assert answer.status == 200, answer.text
        return dict(answer.json())

    def settled(self, space: str, timeout: float = 120) -> dict[str, Any]:
        """Wait until the stage is one at which clients stop waiting; return the runtime object."""

        def look() -> dict[str, Any] | None:
            runtime = self.runtime(space)
            moving = runtime["stage"].endswith(("BUILDING", "APP_STARTING"))
            return None if moving else runtime

        return eventually(look, timeout=timeout, every=0.1)

    def reaches(self, space: str, stage: str, timeout: float = 120) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            runtime = self.runtime(space)
            return runtime if runtime["stage"] == stage else None

        try:
            return eventually(look, timeout=timeout, every=0.1)
        except AssertionError:
            shown = f"{self.runtime(space)}\n{self.logs(space, 'build')}\n{self.logs(space, 'run')}"
            raise AssertionError(
                f"{space} never was {stage}:\n{shown}\n{self.log[-3000:]}"
            ) from None

    def reaches_revision(self, space: str, not_: str, timeout: float = 120) -> None:
        """Wait until another revision than `not_` serves."""

        def look() -> bool:
            runtime = self.runtime(space)
            return runtime["stage"] == "RUNNING" and runtime.get("sha") != not_

        eventually(look, timeout=timeout, every=0.1)

    def tells_failure(self, space: str, timeout: float = 120) -> dict[str, Any]:
        """Wait until the newest push is told to have failed."""

        def look() -> dict[str, Any] | None:
            runtime = self.runtime(space)
            return runtime if runtime.get("errorMessage") else None

        return eventually(look, timeout=timeout, every=0.1)

    def logs(self, space: str, kind: str) -> str:
        words = ["space", "logs", space] + (["--build"] if kind == "build" else [])
        return self.cli(*words, check=False)

    def app_host(self, space: str) -> str:
        host = self.api("GET", f"/api/spaces/{space}/host", space.split("/")[0]).json()["host"]
        return str(host).split("://", 1)[1]

    def visit(self, space: str, path: str = "/", **options: Any) -> Answer:
        return self.get(path, host=self.app_host(space), **options)


def git(*words: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """The real git, with nothing of the person who runs the tests."""
    ran = subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, timeout=120)
    if check and ran.returncode:
        raise AssertionError(f"git {' '.join(words)}: {ran.stderr}")
    return ran
