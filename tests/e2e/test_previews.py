"""Branches that are pushed become apps of their own, asleep until somebody visits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.server import Server, git
from tests.waiting import eventually


@pytest.fixture(scope="module")
def server(new_server: Callable[..., Server]) -> Iterator[Server]:
    """Without containers: static Spaces show all that is not the engine's."""
    server = new_server("process", SPACEPORT__PREVIEWS__SLEEP="2", SPACEPORT__PREVIEWS__MOST="3")
    server.user("ada")
    yield server


class Work:
    """A clone of a static Space, and what is asked about its previews."""

    def __init__(self, server: Server, space: str, **more: Any) -> None:
        self.server, self.space = server, space
        server.create_space(space, "static", **more)
        self.folder = server.folder / "work" / space.replace("/", "-")
        git("clone", server.remote(space), str(self.folder), cwd=server.folder)
        self.push("main", "main")
        server.reaches(space, "RUNNING")

    def push(self, branch: str, text: str, *more: str) -> str:
        """A page that says `text`, on that branch; what the server told the person."""
        git("checkout", "-q", "-B", branch, cwd=self.folder)
        (self.folder / "README.md").write_text("---\nsdk: static\n---\n")
        (self.folder / "index.html").write_text(f"<p>{text}</p>")
        git("add", "-A", cwd=self.folder)
        git("commit", "--allow-empty", "-m", text, cwd=self.folder)
        return git(
            "push", "-f", "origin", f"HEAD:refs/heads/{branch}", *more, cwd=self.folder
        ).stderr

    def listed(self) -> dict[str, Any]:
        answer = self.server.api("GET", f"/api/spaces/{self.space}/previews", "ada")
        assert answer.status == 200, answer.text
        return {one["name"]: one for one in answer.json()}

    def ask(self, method: str, branch: str, call: str = "", body: Any = None) -> Any:
        path = f"/api/spaces/{self.space}/previews/{quote(branch, safe='')}{call}"
        return self.server.api(method, path, "ada", body)

    def stage(self, branch: str) -> str:
        return str(self.ask("GET", branch, "/runtime").json()["stage"])

    def visit(self, branch: str, path: str = "/") -> Any:
        host = self.ask("GET", branch, "/host").json()["host"].split("://")[1]
        return self.server.get(path, host=host)

    def shows(self, branch: str, text: str) -> None:
        eventually(lambda: f"<p>{text}</p>" in self.visit(branch).text, timeout=30)


def test_a_branch_is_told_visited_pushed_again_and_removed(server: Server) -> None:
    work = Work(server, "ada/site")
    told = work.push("feature/new-look", "draft")
    assert f"http://ada-site--feature-new-look.localhost:{server.port}" in told
    assert "starts when it is visited" in told
    assert work.stage("feature/new-look") == "SLEEPING"
    never = server.cli("space", "logs", "--build", "ada/site@feature/new-look", check=False)
    assert never == ""  # nothing is built for nobody
    work.shows("feature/new-look", "draft")
    assert "<p>main</p>" in server.visit("ada/site").text
    git("lfs", "install", "--local", cwd=work.folder)
    git("lfs", "track", "*.bin", cwd=work.folder)
    (work.folder / "model.bin").write_bytes(b"weights" * 1000)
    work.push("feature/new-look", "second")
    work.shows("feature/new-look", "second")
    assert work.visit("feature/new-look", "/model.bin").body == b"weights" * 1000
    eventually(lambda: work.stage("feature/new-look") == "SLEEPING", timeout=30)
    host = work.listed()["feature/new-look"]["host"].split("://")[1]
    key = work.listed()["feature/new-look"]["_id"]
    assert (server.data / "checkouts" / key).is_dir()
    git("push", "origin", ":feature/new-look", cwd=work.folder)
    assert work.listed() == {}
    eventually(lambda: server.get("/", host=host).status == 404, timeout=30)
    eventually(lambda: not (server.data / "checkouts" / key).exists(), timeout=30)
    assert "<p>main</p>" in server.visit("ada/site").text


@pytest.mark.req("13.5.1")
def test_of_a_private_space_they_are_private(server: Server) -> None:
    work = Work(server, "ada/closed", private=True)
    assert f"{server.url}/spaces/ada/closed/previews/draft" in work.push("draft", "secret draft")
    host = work.listed()["draft"]["host"].split("://")[1]
    assert "secret" not in server.get("/", host=host).text
    assert work.stage("draft") == "SLEEPING"  # a stranger at the door wakes nobody
    token = work.ask("GET", "draft", "/jwt").json()["token"]
    signed = {"Authorization": f"Bearer {server.user('ada')}"}
    eventually(
        lambda: "secret draft" in server.get("/", host=host, headers=signed).text, timeout=30
    )
    entered = server.get(f"/?__sign={token}", host=host)
    assert "secret draft" in entered.text or entered.status in (302, 303, 307)
    of_the_space = server.api("GET", "/api/spaces/ada/closed/jwt", "ada").json()["token"]
    assert "secret" not in server.get(f"/?__sign={of_the_space}", host=host).text
    server.delete_space("ada/closed")
    eventually(lambda: server.get("/", host=host).status == 404, timeout=30)


def test_a_broken_one_touches_nobody_and_is_mended_by_a_push(server: Server) -> None:
    work = Work(server, "ada/careful")
    (work.folder / "README.md").write_text("---\nsdk: docker\n---\n")
    (work.folder / "Dockerfile").write_text("FROM nowhere\n")
    git("checkout", "-q", "-b", "broken", cwd=work.folder)
    git("add", "-A", cwd=work.folder)
    git("commit", "-m", "Break it", cwd=work.folder)
    git("push", "origin", "broken", cwd=work.folder)
    before = server.runtime("ada/careful")
    work.visit("broken")
    eventually(lambda: "ERROR" in work.stage("broken"), timeout=30)
    assert server.runtime("ada/careful") == before
    assert "<p>main</p>" in server.visit("ada/careful").text
    eventually(lambda: work.stage("broken") == "SLEEPING", timeout=30)
    git("rm", "-q", "Dockerfile", cwd=work.folder)
    work.push("broken", "mended")
    assert work.stage("broken") == "SLEEPING"
    work.shows("broken", "mended")


@pytest.mark.req("DUR-06")
def test_a_kill_between_ref_and_ledger_loses_none(server: Server) -> None:
    work = Work(server, "ada/hardy")
    server.kill()
    server.settings["SPACEPORT_FAILPOINTS"] = "push:after-refs=exit"
    server.start()
    git("checkout", "-q", "-b", "lost", cwd=work.folder)
    (work.folder / "index.html").write_text("<p>found</p>")
    git("commit", "-qam", "found", cwd=work.folder)
    pushed = git("push", "origin", "lost", cwd=work.folder, check=False)
    assert pushed.returncode != 0
    assert server.process is not None
    server.process.wait(30)
    del server.settings["SPACEPORT_FAILPOINTS"]
    server.start()
    eventually(lambda: "lost" in work.listed(), timeout=30)
    work.shows("lost", "found")


@pytest.mark.req("11.12", "11.13", "180")
def test_a_pull_request_is_run_when_a_writer_vouches_for_it(server: Server) -> None:
    work = Work(server, "ada/open")
    page = {"path": "index.html", "content": "<p>strange</p>"}
    lines = [{"key": "header", "value": {"summary": "Better"}}, {"key": "file", "value": page}]
    proposed = server.request(
        "POST",
        "/api/spaces/ada/open/commit/main?create_pr=1",
        headers={"Authorization": f"Bearer {server.user('eve')}"},
        body="\n".join(map(json.dumps, lines)).encode(),
    )
    assert proposed.status == 200, proposed.text
    asked = server.api("POST", "/api/spaces/ada/open/previews", "ada", {"ref": "refs/pr/1"})
    assert (asked.status, work.listed()) == (409, {})
    host = f"ada-open--pr-1.localhost:{server.port}"
    assert server.get("/", host=host).status == 404
    git("fetch", "-q", "origin", "refs/pr/1", cwd=work.folder)
    git("checkout", "-q", "FETCH_HEAD", cwd=work.folder)
    (work.folder / "index.html").write_text("<p>looked at</p>")
    git("commit", "-qam", "Looked at", cwd=work.folder)
    told = git("push", "origin", "HEAD:refs/pr/1", cwd=work.folder).stderr
    assert f"http://{host}" in told and work.stage("refs/pr/1") == "SLEEPING"
    work.shows("refs/pr/1", "looked at")
    assert "<p>main</p>" in server.visit("ada/open").text
    git("push", "origin", "HEAD:main", cwd=work.folder)
    eventually(lambda: work.listed() == {}, timeout=30)
    eventually(lambda: server.get("/", host=host).status == 404, timeout=30)
    eventually(lambda: "<p>looked at</p>" in server.visit("ada/open").text, timeout=60)
