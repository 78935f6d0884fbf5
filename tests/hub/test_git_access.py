"""Real git at the hub's door (GIT-27, GIT-28)."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from spaceport.ledger import accounts, spaces
from spaceport.names import SpaceId
from tests.hub.conftest import Hub
from tests.hub.wire import Answer


def git(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, timeout=60)


def refs(hub: Hub, space: str, authorization: str = "", service: str = "upload") -> Answer:
    headers = {"Authorization": authorization} if authorization else {}
    return hub.wire.get(f"/spaces/{space}/info/refs?service=git-{service}-pack", headers=headers)


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_clone_push_and_the_ledger_knows(hub: Hub, tmp_path: Path) -> None:
    space = hub.space("gita/demo", visibility="private")
    remote = f"http://gita:{hub.token('gita')}@localhost:{hub.port}/spaces/gita/demo.git"
    assert git("clone", "-q", remote, "clone", cwd=tmp_path).returncode == 0
    clone = tmp_path / "clone"
    (clone / "app.py").write_text("print()\n")
    git("add", "-A", cwd=clone)
    git("commit", "-qm", "An app", cwd=clone)
    pushed = git("push", "origin", "main", cwd=clone)
    assert pushed.returncode == 0, pushed.stderr
    head = git("rev-parse", "HEAD", cwd=clone).stdout.strip()
    with hub.context.ledger.read() as tx:
        found = spaces.by_id(tx, SpaceId("gita", "demo"))
    assert found is not None and found.key == space.key and found.head == head
    shown = hub.wire.get("/api/spaces/gita/demo", token=hub.token("gita")).json()
    assert shown["sha"] == head


@pytest.mark.req("GIT-27")
def test_hidden_and_absent_look_the_same_to_git(hub: Hub) -> None:
    hub.space("gina/closed", visibility="private")
    hub.space("gina/half", visibility="protected")
    stranger = f"Bearer {hub.token('gus')}"
    for authorization, status in (("", 401), (stranger, 404)):
        faces = {
            (answer.status, answer.body, answer.headers["WWW-Authenticate"])
            for name in ("closed", "half", "absent")
            for answer in [refs(hub, f"gina/{name}", authorization)]
        }
        assert len(faces) == 1 and next(iter(faces))[0] == status


@pytest.mark.req("GIT-28")
def test_only_tokens_open_git(hub: Hub) -> None:
    hub.space("hanna/demo", visibility="private")
    token = hub.token("hanna")
    cookie, _ = hub.session("hanna")
    for good in (f"Bearer {token}", basic("x", token), basic(token, ""), basic(token, "x")):
        assert refs(hub, "hanna/demo", good).status == 200, good
    for bad in (basic("hanna", "my password"), basic("hanna", "hf_wrong"), "Bearer x", "Digest x"):
        assert refs(hub, "hanna/demo", bad).status == 401, bad
    path = "/spaces/hanna/demo/info/refs?service=git-upload-pack"
    assert hub.wire.get(path, headers={"Cookie": cookie}).status == 401
    hinted = refs(hub, "hanna/demo", basic("hanna", "my password"))
    assert b"access token" in hinted.body
    with hub.context.ledger.write() as tx:
        accounts.suspend(tx, accounts.user(tx, "hanna").id)
    assert refs(hub, "hanna/demo", f"Bearer {token}").status == 401


@pytest.mark.req("GIT-27")
@pytest.mark.req("GIT-29")
def test_readers_and_read_tokens_do_not_push(hub: Hub) -> None:
    hub.space("iris/demo")
    assert refs(hub, "iris/demo", service="receive").status == 401
    stranger, read = hub.token("gus"), hub.token("iris", "read")
    for token in (stranger, read):
        assert refs(hub, "iris/demo", f"Bearer {token}").status == 200
        assert refs(hub, "iris/demo", f"Bearer {token}", service="receive").status == 403
    write = hub.token("iris")
    assert refs(hub, "iris/demo", f"Bearer {write}", service="receive").status == 200
