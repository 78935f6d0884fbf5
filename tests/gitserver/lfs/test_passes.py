"""Only to the right people: a hash opens nothing, and a pass only what it was signed for."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest

from gitserver.lfs.passes import Pass, Passes, Purpose
from spaceport.ledger import accounts, spaces, tokens
from spaceport.ledger.columns import now
from spaceport.ledger.spaces import Visibility
from tests.gitserver.lfs.world import JSON, batch, download, href, key_of, local, one, upload
from tests.hub.conftest import Hub


@pytest.mark.req("LFS-04")
def test_knowing_a_hash_opens_nothing(hub: Hub, token: str) -> None:
    data = b"only those who have the bytes"
    oid, size = upload(hub, "tess/private", token, data), len(data)
    thief = hub.token("thora")
    hub.space("thora/loot")
    base = "/spaces/thora/loot"
    assert one(batch(hub, "thora/loot", thief, "download", (oid, size)))["error"]["code"] == 404
    asked = one(batch(hub, "thora/loot", thief, "upload", (oid, size)))
    verify = local(asked["actions"]["verify"]["href"])
    body = {"oid": oid, "size": size}
    assert hub.wire.ask("POST", verify, json_body=body, headers=JSON).status == 404
    lines = [
        {"key": "header", "value": {"summary": "Mine now"}},
        {"key": "lfsFile", "value": {"path": "x", "algo": "sha256", "oid": oid, "size": size}},
    ]
    commit = hub.wire.ask(
        "POST",
        f"/api{base}/commit/main",
        token=thief,
        body="\n".join(map(json.dumps, lines)).encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert commit.status == 422 and oid in commit.error
    # An upload that is not made gives nothing; with the bytes it is theirs as well.
    assert one(batch(hub, "thora/loot", thief, "download", (oid, size)))["error"]["code"] == 404
    assert upload(hub, "thora/loot", thief, data) == oid
    assert download(hub, "thora/loot", thief, oid, size).body == data


@pytest.mark.req("LFS-09")
def test_every_field_of_a_pass_counts(hub: Hub, token: str) -> None:
    data = b"signed"
    oid = upload(hub, "tess/demo", token, data)
    other = upload(hub, "tess/other", token, b"other!")
    path = href(batch(hub, "tess/demo", token, "download", (oid, 6)), "download")
    assert hub.wire.get(path).body == data
    text = path.partition("pass=")[2]
    head, claims, mac = text.split(".")
    found = json.loads(base64.urlsafe_b64decode(claims + "=="))

    def status(text: str, path: str = path) -> int:
        return hub.wire.get(path.partition("pass=")[0] + f"pass={text}").status

    for name, value in found.items():
        changed = {**found, name: value + 1 if isinstance(value, int) else f"{value}x"}
        packed = base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b"=").decode()
        assert status(f"{head}.{packed}.{mac}") == 403, name
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    last = "A" if mac[-2] != "A" else "B"
    for forged in (f"{none}.{claims}.", f"{head}.{claims}.{mac[:-2]}{last}{mac[-1]}", "", "x"):
        assert status(forged) == 403
    # For this method, object and repository only.
    assert hub.wire.ask("PUT", path, body=data).status == 403
    assert hub.wire.ask("POST", path.replace("?", "/verify?"), json_body={}).status == 403
    assert hub.wire.get(path.replace(oid, other)).status == 403
    assert hub.wire.get(path.replace("tess/demo", "tess/other")).status == 403
    assert hub.wire.get("/api/whoami-v2", headers={"Authorization": f"Bearer {text}"}).status == 401
    basic = base64.b64encode(f"x:{text}".encode()).decode()
    refs = "/spaces/tess/private/info/refs?service=git-upload-pack"
    assert hub.wire.get(refs, headers={"Authorization": f"Basic {basic}"}).status == 401


@pytest.mark.req("LFS-09")
def test_a_pass_is_over_in_time(hub: Hub, token: str) -> None:
    passes: Passes = hub.context.passes
    given = Pass(Purpose.DOWNLOAD, key_of(hub, "demo"), oid="a" * 64, size=1)
    assert passes.read(passes.sign(given, now() + timedelta(seconds=5)), now()) == given
    assert passes.read(passes.sign(given, now() - timedelta(seconds=1)), now()) is None
    answer = batch(hub, "tess/demo", token, "upload", ("a" * 64, 1))
    assert 0 < one(answer)["actions"]["upload"]["expires_in"] <= 3600


@pytest.mark.req("LFS-10")
@pytest.mark.parametrize("how", ["token", "suspended", "visibility"])
def test_rights_are_looked_at_again_when_used(hub: Hub, how: str) -> None:
    name = f"ruth-{how}"
    hub.space(f"{name}/demo", visibility="private")
    token = hub.token(name)
    data = f"of {name}".encode()
    oid = upload(hub, f"{name}/demo", token, data)
    get = href(batch(hub, f"{name}/demo", token, "download", (oid, len(data))), "download")
    put = href(batch(hub, f"{name}/demo", token, "upload", ("b" * 64, 3)), "upload")
    hub.space(f"{name}/open")
    free = upload(hub, f"{name}/open", token, b"free")
    public = href(batch(hub, f"{name}/open", "", "download", (free, 4)), "download")
    assert hub.wire.get(get).status == hub.wire.get(public).status == 200
    with hub.context.ledger.write() as tx:
        account = hub.user(name) if how == "none" else accounts.by_name(tx, name)
        assert account is not None
        if how == "token":
            for each in tokens.of_account(tx, account.id):
                tokens.revoke(tx, account.id, each.id)
        elif how == "suspended":
            accounts.suspend(tx, account.id)
        else:
            space = spaces.search(tx, text=f"{name}/open")[0]
            spaces.set_visibility(tx, space.key, Visibility.PRIVATE)
    if how == "visibility":
        assert hub.wire.get(public).status == 403
        return
    assert hub.wire.get(get).status == 403
    assert hub.wire.ask("PUT", put, body=b"abc").status == 403
