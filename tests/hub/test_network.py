"""The network policy by the API, and that copies keep it."""

from __future__ import annotations

from spaceport.sdk import Sdk
from tests.hub.conftest import Hub


def test_it_is_changed_shown_and_copied(hub: Hub) -> None:
    hub.space("nel/app")
    token, path = hub.token("nel"), "/api/spaces/nel/app/network"
    shown = hub.wire.get(path, token=token).json()
    assert shown == {"preset": "default", "destinations": [], "refused": []}
    wanted = {"preset": "allow-list", "destinations": ["api.example.org:443"]}
    assert hub.wire.ask("PUT", path, token=token, json_body=wanted).json() == wanted
    wrong = hub.wire.ask(
        "PUT", path, token=token, json_body={"preset": "allow-list", "destinations": ["x y"]}
    )
    assert wrong.status == 400 and "not a destination" in wrong.error
    hub.api("nel").duplicate_repo("nel/app", "nel/copy", repo_type="space")
    copied = hub.wire.get("/api/spaces/nel/copy/network", token=token).json()
    assert copied["destinations"] == ["api.example.org:443"]


def test_a_static_space_has_none(hub: Hub) -> None:
    hub.space("nel/page", Sdk.STATIC)
    path = "/api/spaces/nel/page/network"
    answer = hub.wire.ask("PUT", path, token=hub.token("nel"), json_body={"preset": "none"})
    assert answer.status == 400 and "static" in answer.error
