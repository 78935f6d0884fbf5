"""Locks of files: by the API, whose they are, and that strangers hear nothing of them."""

from __future__ import annotations

from typing import Any

import pytest

from spaceport.ledger import accounts
from spaceport.roles import Grant, Right
from tests.gitserver.lfs.world import JSON, team
from tests.hub.conftest import Hub
from tests.hub.wire import Answer


class Locks:
    def __init__(self, hub: Hub, space: str, token: str) -> None:
        self.hub, self.token = hub, token
        self.base = f"/spaces/{space}.git/info/lfs/locks"

    def post(self, to: str = "", /, **body: Any) -> Answer:
        return self.hub.wire.ask(
            "POST", self.base + to, token=self.token, json_body=body, headers=JSON
        )

    def get(self, query: str = "") -> Answer:
        return self.hub.wire.get(self.base + query, token=self.token, headers=JSON)


@pytest.fixture(scope="module")
def both(hub: Hub) -> tuple[Locks, Locks]:
    ann, bob = team(hub, "locksmiths", ("shed", "barn"))
    return Locks(hub, "locksmiths/shed", ann), Locks(hub, "locksmiths/shed", bob)


@pytest.mark.req("LFS-11")
def test_lock_and_unlock(hub: Hub, both: tuple[Locks, Locks]) -> None:
    ann, bob = both
    made = ann.post(path="a/model.bin")
    lock = made.json()["lock"]
    assert made.status == 201 and lock["path"] == "a/model.bin"
    assert lock["owner"] == {"name": "lock-ann"} and lock["locked_at"].endswith("Z")
    for who in both:
        twice = who.post(path="a/model.bin")
        assert twice.status == 409 and twice.json()["lock"] == lock and twice.json()["message"]
    assert bob.get().json() == {"locks": [lock]}
    assert bob.get("?path=a/model.bin").json()["locks"] == [lock]
    assert bob.get("?path=other&refspec=main").json()["locks"] == []
    assert ann.post("/verify").json() == {"ours": [lock], "theirs": []}
    assert bob.post("/verify", ref={"name": "main"}).json() == {"ours": [], "theirs": [lock]}
    assert bob.post(f"/{lock['id']}/unlock").status == 403
    elsewhere = Locks(hub, "locksmiths/barn", bob.token)
    assert elsewhere.post(f"/{lock['id']}/unlock", force=True).status == 404
    forced = bob.post(f"/{lock['id']}/unlock", force=True)
    assert forced.status == 200 and forced.json()["lock"] == lock
    assert ann.post(f"/{lock['id']}/unlock").status == 404
    assert ann.get().json() == {"locks": []}


@pytest.mark.req("LFS-11")
def test_force_takes_the_right_to_administer(hub: Hub, both: tuple[Locks, Locks]) -> None:
    ann, _ = both
    id = ann.post(path="forced").json()["lock"]["id"]
    with hub.context.ledger.read() as tx:
        org = accounts.org(tx, "locksmiths")
    grant = Grant(org.id, frozenset({Right.WRITE}))
    writer = Locks(hub, "locksmiths/shed", hub.token("lock-bob", "fine-grained", grant))
    assert writer.post(path="another").status == 201
    assert writer.post(f"/{id}/unlock", force=True).status == 403
    assert writer.post(f"/{id}/unlock", force="yes").status == 422
    assert ann.post(f"/{id}/unlock").status == 200


@pytest.mark.req("LFS-11")
def test_strangers_hear_nothing(hub: Hub, both: tuple[Locks, Locks]) -> None:
    both[0].post(path="secret-project.bin")
    for token, status in (("", 401), (hub.token("lock-spy"), 403)):
        spy = Locks(hub, "locksmiths/shed", token)
        for answer in (spy.get(), spy.post(path="secret-project.bin"), spy.post("/verify")):
            assert answer.status == status
            assert b"secret" not in answer.body and b"lock-ann" not in answer.body


@pytest.mark.req("LFS-11")
@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a\0", "x" * 5000, None, 7]
)
def test_paths(both: tuple[Locks, Locks], path: Any) -> None:
    assert both[0].post(path=path).status == 422


def test_pages(hub: Hub, both: tuple[Locks, Locks]) -> None:
    barn = Locks(hub, "locksmiths/barn", both[0].token)
    made = {barn.post(path=f"file-{n}").json()["lock"]["id"] for n in range(5)}
    seen: list[str] = []
    cursor = ""
    while True:
        page = barn.get(f"?limit=2&cursor={cursor}").json()
        seen += [lock["id"] for lock in page["locks"]]
        cursor = page.get("next_cursor", "")
        if not cursor:
            break
    assert len(seen) == 5 and set(seen) == made
    first = barn.post("/verify", limit=3).json()
    rest = barn.post("/verify", limit=3, cursor=first["next_cursor"]).json()
    assert len(first["ours"]) == 3 and len(rest["ours"]) == 2 and "next_cursor" not in rest
    assert barn.get("?limit=x").status == 422
