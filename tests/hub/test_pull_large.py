"""Large files in pull requests: contributors send them, within limits (11.12, LFS-07)."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError

from spaceport.ledger import discussions
from spaceport.push import MAIN
from tests.gitserver.lfs.world import JSON
from tests.hub.conftest import Hub
from tests.hub.pulling import Clone, actions, by, done, opened, present, ref
from tests.hub.wire import Answer

MIB = 1 << 20


def batch(hub: Hub, id: str, token: str, size: int) -> Answer:
    asked = {
        "operation": "upload",
        "transfers": ["basic"],
        "objects": [{"oid": hashlib.sha256(str(size).encode()).hexdigest(), "size": size}],
    }
    path = f"/spaces/{id}.git/info/lfs/objects/batch"
    return hub.wire.ask("POST", path, token=token, body=json.dumps(asked).encode(), headers=JSON)


def test_git_lfs_sends_to_a_pull_request(hub: Hub, tmp_path: Path) -> None:
    space = hub.space("rosa/proposed")
    opened(hub, "ralf", space)
    clone = Clone.of(hub, "ralf", space, tmp_path)
    done(clone.folder, "lfs", "install", "--local")
    done(clone.folder, "lfs", "track", "*.weights")
    data = os.urandom(MIB)
    clone.commit("model.weights", data)
    clone.pushed("refs/pr/1")
    oid = hashlib.sha256(data).hexdigest()
    assert oid in hub.context.large.held(space.key, [oid])
    locks = f"/spaces/{space.id}.git/info/lfs/locks"
    token = hub.token("ralf")
    for path, body in ((locks, {"path": "app.py"}), (f"{locks}/x/unlock", {})):
        refused = hub.wire.ask("POST", path, token=token, json_body=body, headers=JSON)
        assert refused.status == 403
    assert hub.wire.get(locks, token=token, headers=JSON).status == 403
    hub.run(actions(hub).merge(by(hub, "rosa"), space, 1))
    (tmp_path / "others").mkdir()
    merged = Clone.of(hub, "rosa", space, tmp_path / "others")
    done(merged.folder, "lfs", "install", "--local")
    done(merged.folder, "lfs", "pull")
    assert (merged.folder / "model.weights").read_bytes() == data


@pytest.mark.parametrize("by_xet", [True, False])
def test_the_client_proposes_a_large_file(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_xet: bool
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", not by_xet)
    monkeypatch.setenv("HF_XET_CACHE", str(tmp_path / "xet-cache"))
    id = f"rita/proposed-{by_xet}".lower()
    space, api = hub.space(id), hub.api(f"ruben-{by_xet}".lower())
    data = os.urandom(12 * MIB)
    proposed = api.upload_file(
        path_or_fileobj=data, path_in_repo="model.bin", create_pr=True, repo_id=id,
        repo_type="space",
    )  # fmt: skip
    assert present(hub, space, 1).head == proposed.oid
    got = api.hf_hub_download(
        id, "model.bin", repo_type="space", revision="refs/pr/1", cache_dir=tmp_path / "cache"
    )
    assert Path(got).read_bytes() == data
    more = os.urandom(11 * MIB)
    api.upload_file(
        path_or_fileobj=more, path_in_repo="more.bin", revision="refs/pr/1", repo_id=id,
        repo_type="space",
    )  # fmt: skip
    too_much = os.urandom(20 * MIB)  # 43 MiB together, of 40
    with pytest.raises((HfHubHTTPError, ConnectionError, ValueError)):
        api.upload_file(
            path_or_fileobj=too_much, path_in_repo="much.bin", create_pr=True, repo_id=id,
            repo_type="space",
        )  # fmt: skip
    oid = hashlib.sha256(too_much).hexdigest()
    assert not hub.context.large.held(space.key, [oid])
    with hub.context.ledger.read() as tx:
        assert discussions.count(tx, space.key) == 1
    keeper = by(hub, "rita")
    hub.run(actions(hub).merge(keeper, space, 1))
    name = api.whoami()["name"]
    assert batch(hub, id, hub.token(name), 20 * MIB).json()["objects"][0].get("actions")
    assert ref(hub, space, MAIN) == present(hub, space, 1).merge_commit


@pytest.mark.req("LFS-07")
def test_a_contributor_has_one_room_in_all_spaces(hub: Hub) -> None:
    hub.space("ria/one")
    hub.space("ria/two")
    contributor, owner = hub.token("rudi"), hub.token("ria")
    first = batch(hub, "ria/one", contributor, 30 * MIB).json()["objects"][0]
    assert first["actions"]["upload"]
    full = batch(hub, "ria/two", contributor, 20 * MIB).json()["objects"][0]
    assert full["error"]["code"] == 507 and "pull requests" in full["error"]["message"]
    assert batch(hub, "ria/two", owner, 20 * MIB).json()["objects"][0]["actions"]
    hub.space("ria/closed", visibility="private")
    assert batch(hub, "ria/closed", contributor, MIB).status == 404
    assert batch(hub, "ria/one", hub.token("rudi", "read"), MIB).status == 403
    assert batch(hub, "ria/one", "", MIB).status == 401
