"""Who may: the permission that is checked is the one of the service that answers."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitserver.access import Admission, Credentials, Refusal, Service
from gitserver.http import protocol_version
from spaceport.push import MAIN, ZERO
from tests.gitserver.writing import KEY, Answer, Server, get, git, post, push_body, serving

READ, WRITE = "hf_read", "hf_write"


class Tokens:
    """A small policy: `ann/x` is private; one token reads, one writes, others are strangers."""

    async def admit(
        self, credentials: Credentials, author: str, name: str, service: Service, address: str
    ) -> Admission | Refusal:
        if credentials.anonymous:
            return Refusal(401, "Log in.")
        if credentials.token not in (READ, WRITE) or f"{author}/{name}" != "ann/x":
            return Refusal(404, "There is no such repository.")
        if service is Service.RECEIVE_PACK and credentials.token != WRITE:
            return Refusal(403, "This token may read only.")
        return Admission(KEY, actor_id=credentials.token, label=f"{author}/{name}")


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "r", access=lambda _: Tokens()) as running:
        yield running


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.req("GIT-22")
def test_the_path_decides_and_no_query(private: Server) -> None:
    base = "/spaces/ann/x"
    reader = basic("ann", READ)
    for query in ("", "?service=git-upload-pack", "?service=git-receive-pack"):
        head = f"git-receive-pack{query}"
        body = push_body([(private.head, ZERO, MAIN)], b"")
        kind = {"Content-Type": "application/x-git-receive-pack-request"}
        answer = post_to(private, f"{base}/{head}", body, {**reader, **kind})
        assert answer.status == 403
        kind = {"Content-Type": "application/x-git-upload-pack-request"}
        answer = post_to(private, f"{base}/git-upload-pack{query}", b"0000", {**reader, **kind})
        assert answer.status == 200
    advert = f"{base}/info/refs?service=git-"
    assert get(private, advert + "receive-pack", headers=reader).status == 403
    assert get(private, advert + "upload-pack", headers=reader).status == 200
    both = f"{base}/info/refs?service=git-upload-pack&service=git-receive-pack"
    assert b"git-upload-pack" in get(private, both, headers=reader).body[:40]


def post_to(server: Server, path: str, body: bytes, headers: dict[str, str]) -> Answer:
    return post(server, body, headers=headers, path=path)


@pytest.mark.req("GIT-27")
def test_absent_and_hidden_look_the_same(private: Server) -> None:
    def look(path: str, headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        answer = get(private, f"{path}/info/refs?service=git-upload-pack", headers=headers)
        kept = {name: value for name, value in answer.headers.items() if name != "Date"}
        return answer.status, answer.body, kept

    for headers, status in (({}, 401), (basic("x", "hf_stranger"), 404)):
        answers = [look(path, headers) for path in ("/spaces/ann/x", "/spaces/ann/none")]
        assert answers[0] == answers[1]
        assert answers[0][0] == status
    assert look("/spaces/ann/x", {})[2]["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.req("GIT-28")
@pytest.mark.parametrize("login", [f"ann:{WRITE}", f"{WRITE}:", f"x:{WRITE}"])
def test_a_real_client_with_a_token(private: Server, tmp_path: Path, login: str) -> None:
    url = private.url.replace("http://", f"http://{login}@")
    work = tmp_path / "work"
    git("clone", "-q", url, work, cwd=tmp_path)
    git("commit", "-q", "--allow-empty", "-m", "x", cwd=work)
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    assert private.hooks.announced[0].actor_id == WRITE


def test_bearer_and_wrong_tokens(private: Server) -> None:
    path = "/spaces/ann/x/info/refs?service=git-upload-pack"
    assert get(private, path, headers={"Authorization": f"Bearer {READ}"}).status == 200
    assert get(private, path, headers={"Authorization": "Bearer nope"}).status == 404
    assert get(private, path, headers={"Cookie": f"token={READ}"}).status == 401


@pytest.mark.req("GIT-25")
def test_versions() -> None:
    for header, version in [
        *((None, 0), ("version=2", 2), ("version=1", 1), ("version=0", 0), ("version=3", 0)),
        *(("x=y:version=2", 2), ("version=1:version=2", 2), ("version=2" + "x" * 300, 0)),
        *(("version=2\x1b", 0), ("", 0), ("version=22", 0)),
    ]:
        assert protocol_version(header) == version, header
