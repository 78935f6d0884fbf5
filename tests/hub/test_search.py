"""Searching, profiles and what a Space uses, by the real client (hub-api 2.3, 4.1, 4.3)."""

from __future__ import annotations

import pytest
from huggingface_hub.errors import HfHubHTTPError

from spaceport.ledger import accounts
from tests.hub.conftest import Hub

README = b"---\nsdk: gradio\ntitle: %b\nshort_description: Paints a zebrafish\n---\n"


def test_words_are_found_in_what_people_read(hub: Hub) -> None:
    api, stranger = hub.api("sela"), hub.api("gus")
    for name, visibility in (("open", "public"), ("closed", "private")):
        hub.space(f"sela/{name}", visibility=visibility)
        api.upload_file(
            path_or_fileobj=README % name.encode(),
            path_in_repo="README.md",
            repo_id=f"sela/{name}",
            repo_type="space",
        )

    def ids(**more: object) -> set[str]:
        asked = {"query": "ZEBRAFISH sela", "include_non_running": True, **more}
        return {found.id for found in api.search_spaces(**asked)}  # type: ignore[arg-type]

    assert ids() == ids(sdk=["gradio", "docker"]) == {"sela/open", "sela/closed"}
    assert ids(query="zebrafish open") == {"sela/open"}
    assert ids(sdk="docker") == ids(filter="no-such-tag") == ids(query="zebrafish x_y%") == set()
    assert ids(include_non_running=False) == set()  # nothing runs in this hub
    (found,) = stranger.search_spaces("zebrafish", include_non_running=True)
    assert (found.id, found.title, found.author, found.likes) == ("sela/open", "open", "sela", 0)
    assert hub.wire.get("/api/spaces/semantic-search?q=+").status == 400


def test_profiles(hub: Hub) -> None:
    hub.space("silke/one")
    hub.space("silke/two", visibility="private")
    with hub.context.ledger.write() as tx:
        accounts.create_org(tx, "silke-lab", full_name="Silke's Lab")
    mine, others = (hub.api(name).get_user_overview("Silke") for name in ("silke", "gus"))
    assert (mine.username, mine.user_type, mine.num_spaces) == ("silke", "user", 2)
    assert others.num_spaces == 1 and others.avatar_url.endswith("/avatars/silke.svg")
    lab = hub.api("gus").get_organization_overview("silke-lab")
    assert (lab.name, lab.fullname) == ("silke-lab", "Silke's Lab")
    for name in ("nobody-here", "silke-lab"):
        with pytest.raises(HfHubHTTPError, match="404") as told:
            hub.api("gus").get_user_overview(name)
        assert name in str(told.value)


def test_what_a_space_uses_is_all_of_its_history(hub: Hub) -> None:
    api, id = hub.api("stina"), "stina/demo"
    hub.space(id)
    before = api.space_info(id, expand=["usedStorage"]).used_storage
    assert before is not None and 0 < before < 10_000
    for data in (b"A" * 5000 + bytes(range(256)), b""):
        api.upload_file(
            path_or_fileobj=data, path_in_repo="m.safetensors", repo_id=id, repo_type="space"
        )
    after = api.space_info(id, expand=["usedStorage"]).used_storage
    assert after is not None and after >= before + 5256
