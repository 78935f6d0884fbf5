"""Previews through the API, with the real client where it has a word for it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from spaceport.ledger import previews, spaces
from spaceport.ledger.spaces import Visibility
from tests.hub.conftest import Hub
from tests.hub.wire import Answer


def call(hub: Hub, user: str, method: str, space: str, path: str = "", body: Any = None) -> Answer:
    headers = {"Authorization": f"Bearer {hub.token(user)}"}
    sent = None if body is None else json.dumps(body).encode()
    return hub.wire.ask(method, f"/api/spaces/{space}/previews{path}", headers=headers, body=sent)


def names(hub: Hub, user: str, space: str) -> list[str]:
    return [one["name"] for one in call(hub, user, "GET", space).json()]


@pytest.mark.req("11.15")
def test_a_branch_of_the_client_is_previewed_at_its_head(hub: Hub) -> None:
    api, id = hub.api("petra"), "petra/page"
    api.create_repo(id, repo_type="space", space_sdk="static")
    api.create_branch(id, branch="new/look", repo_type="space")
    first = call(hub, "petra", "GET", id, "/new%2Flook").json()
    assert first["sha"] == api.repo_info(id, repo_type="space").sha
    assert first["subdomain"] == "petra-page--new-look"
    assert first["runtime"]["stage"] == "SLEEPING" and first["endsAt"] is not None
    done = api.upload_file(
        path_or_fileobj=b"<p>new</p>",
        path_in_repo="index.html",
        repo_id=id,
        repo_type="space",
        revision="new/look",
    )
    assert call(hub, "petra", "GET", id, "/new%2Flook").json()["sha"] == done.oid
    assert api.repo_info(id, repo_type="space").sha == first["sha"]
    assert [space.id for space in api.list_spaces(author="petra")] == [id]
    found = hub.wire.get("/api/spaces/by-subdomain/petra-page--new-look").json()
    assert (found["id"], found["subdomain"]) == (id, "petra-page--new-look")
    api.delete_branch(id, branch="new/look", repo_type="space")
    assert names(hub, "petra", id) == []
    assert call(hub, "petra", "GET", id, "/new%2Flook").status == 404


def test_one_has_secrets_and_hardware_of_its_own(hub: Hub) -> None:
    api, id = hub.api("petra"), "petra/own"
    api.create_repo(id, repo_type="space", space_sdk="gradio")
    api.add_space_secret(id, "TOKEN", "of the Space")
    api.add_space_variable(id, "MODE", "fast")
    api.create_branch(id, branch="draft", repo_type="space")
    assert call(hub, "petra", "GET", id, "/draft/secrets").json() == {}
    assert call(hub, "petra", "GET", id, "/draft/variables").json()["MODE"]["value"] == "fast"
    entry = {"key": "TOKEN", "value": "of the preview"}
    assert call(hub, "petra", "POST", id, "/draft/secrets", entry).status == 200
    assert list(call(hub, "petra", "GET", id, "/draft/secrets").json()) == ["TOKEN"]
    changed = call(hub, "petra", "POST", id, "/draft/hardware", {"flavor": "cpu-upgrade"})
    assert changed.json()["hardware"]["requested"] == "cpu-upgrade"
    assert str(api.get_space_runtime(id).requested_hardware) == "cpu-basic"
    slept = call(hub, "petra", "POST", id, "/draft/sleeptime", {"seconds": 120}).json()
    assert slept["gcTimeout"] == 120
    assert call(hub, "petra", "POST", id, "/draft/restart").json()["stage"] == "BUILDING"
    assert call(hub, "petra", "GET", id, "/draft/releases").json() == []


def test_one_goes_and_comes_again_and_all_can_be_switched_off(hub: Hub) -> None:
    api, id = hub.api("petra"), "petra/switch"
    api.create_repo(id, repo_type="space", space_sdk="static")
    api.create_branch(id, branch="draft", repo_type="space")
    assert call(hub, "petra", "DELETE", id, "/draft").status == 200
    assert names(hub, "petra", id) == []
    for body, status in (
        ({"ref": "nowhere"}, 404),
        ({"ref": "main"}, 404),
        ({"ref": ""}, 422),
        ({"ref": "draft"}, 200),
        ({"ref": "refs/heads/draft"}, 200),
    ):
        assert call(hub, "petra", "POST", id, "", body).status == status, body
    assert names(hub, "petra", id) == ["draft"]
    headers = {"Authorization": f"Bearer {hub.token('petra')}"}
    off = hub.wire.ask(
        "PUT", f"/api/spaces/{id}/settings", headers=headers, json_body={"previews": False}
    )
    assert off.status == 200 and names(hub, "petra", id) == []
    refused = call(hub, "petra", "POST", id, "", {"ref": "draft"})
    assert refused.status == 409 and "settings" in refused.error


@pytest.mark.req("13.5.1")
def test_of_a_private_space_strangers_see_none(hub: Hub) -> None:
    space = hub.space("petra/closed", visibility="protected")
    hub.api("petra").create_branch(str(space.id), branch="draft", repo_type="space")
    for user, status in (("petra", 200), ("stranger", 404)):
        for path in ("", "/draft", "/draft/runtime", "/absent/runtime"):
            wanted = 404 if "absent" in path else status
            assert call(hub, user, "GET", "petra/closed", path).status == wanted
    seen = hub.wire.get(f"/api/spaces/petra/closed/previews/{quote('draft')}/jwt")
    assert seen.status == 401


def test_a_move_takes_them_along(hub: Hub) -> None:
    api, id = hub.api("petra"), "petra/before"
    api.create_repo(id, repo_type="space", space_sdk="static")
    api.create_branch(id, branch="draft", repo_type="space")
    api.move_repo(from_id=id, to_id="petra/after", repo_type="space")
    [one] = call(hub, "petra", "GET", "petra/after").json()
    assert one["subdomain"] == "petra-after--draft"
    with hub.context.ledger.write() as tx:
        moved = spaces.by_label(tx, "petra-after--draft")
        assert moved is not None and moved.visibility is Visibility.PUBLIC
        assert previews.find(tx, moved.parent_key or "", "refs/heads/draft") == moved
