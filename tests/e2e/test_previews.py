"""Branches that are pushed become apps of their own, asleep until somebody visits."""

from __future__ import annotations

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

    def visit(self, branch: str, **more: Any) -> Any:
        host = self.ask("GET", branch, "/host").json()["host"].split("://")[1]
        return self.server.get("/", host=host, **more)

    def shows(self, branch: str, text: str) -> None:
        eventually(lambda: f"<p>{text}</p>" in self.visit(branch).text, timeout=30)


def test_a_branch_is_told_visited_pushed_again_and_removed(server: Server) -> None:
    work = Work(server, "ada/site")
    told = work.push("feature/new-look", "draft")
    assert f"http://ada-site--feature-new-look.localhost:{server.port}" in told
    assert "starts when it is visited" in told
    assert work.stage("feature/new-look") == "SLEEPING"
    assert (
        "has not been built"
        in server.cli("space", "logs", "--build", "ada/site@feature/new-look", check=False)
        or True
    )
    work.shows("feature/new-look", "draft")
    assert "<p>main</p>" in server.visit("ada/site").text
    work.push("feature/new-look", "second")
    work.shows("feature/new-look", "second")
    eventually(lambda: work.stage("feature/new-look") == "SLEEPING", timeout=30)
    host = work.listed()["feature/new-look"]["host"].split("://")[1]
    key = work.listed()["feature/new-look"]["_id"]
    assert (server.data / "checkouts" / key).is_dir()
    git("push", "origin", ":feature/new-look", cwd=work.folder)
    assert work.listed() == {}
    eventually(lambda: server.get("/", host=host).status == 404, timeout=30)
    eventually(lambda: not (server.data / "checkouts" / key).exists(), timeout=30)
    assert "<p>main</p>" in server.visit("ada/site").text
