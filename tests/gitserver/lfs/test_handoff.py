"""What git-lfs-authenticate hands out opens one repository for one operation (LFS-12)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from gitserver.access import Admission
from gitserver.lfs.handoff import HandOff
from spaceport.actor import Means
from spaceport.identify import by_key
from spaceport.ledger import keys
from tests.gitserver.lfs.world import JSON, batch, one
from tests.hub.conftest import Hub

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJm9Zc1tBYX1ib2Gq2W8y8LpJ3a0vVtq0J2Qd2o1nY5m hilda"


@pytest.mark.req("LFS-12")
def test_one_repository_and_one_operation(hub: Hub) -> None:
    space = hub.space("hilda/demo", visibility="private")
    hub.space("hilda/other", visibility="private")
    account = hub.user("hilda")
    with hub.context.ledger.write() as tx:
        key = keys.add(tx, account.id, KEY)
        actor = by_key(tx, key.fingerprint)
    assert actor.means is Means.KEY
    give = HandOff(hub.context.passes, hub.url, timedelta(minutes=30))
    admitted = Admission(space.key, label="hilda/demo")
    up = give(actor, admitted, "upload", key_id=key.id)
    down = give(actor, admitted, "download", key_id=key.id)
    assert up["href"] == f"{hub.url}/spaces/hilda/demo.git/info/lfs"
    assert up["expires_in"] <= 1800

    def ask(given: dict[str, Any], operation: str, space: str = "hilda/demo") -> int:
        return batch(hub, space, "", operation, ("a" * 64, 1), headers=given["header"]).status

    assert urlsplit(up["href"]).netloc == f"localhost:{hub.port}"
    assert ask(up, "upload") == 200 and ask(down, "download") == 200
    assert ask(down, "upload") == 403
    assert ask(up, "upload", "hilda/other") == ask(down, "download", "hilda/other") == 403
    assert ask({"header": {"Authorization": "RemoteAuth x.y.z"}}, "download") == 403
    locks = "/spaces/hilda/demo.git/info/lfs/locks"
    assert hub.wire.get(locks, headers={**JSON, **up["header"]}).status == 200
    assert hub.wire.get(locks, headers={**JSON, **down["header"]}).status == 403
    refs = "/spaces/hilda/demo/info/refs?service=git-receive-pack"
    assert hub.wire.get(refs, headers=up["header"]).status == 401
    put = one(batch(hub, "hilda/demo", "", "upload", ("a" * 64, 1), headers=up["header"]))
    assert put["actions"]["upload"]["href"]
    with hub.context.ledger.write() as tx:
        keys.remove(tx, account.id, key.id)
    assert ask(up, "upload") == ask(down, "download") == 403
