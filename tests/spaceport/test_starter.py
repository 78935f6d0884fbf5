"""The first commit of a Space: its README is one that we accept ourselves."""

from __future__ import annotations

import pytest

from spaceport.card import read_card
from spaceport.sdk import Sdk
from spaceport.starter import GITATTRIBUTES, minimal_app, new_card, starter_files


@pytest.mark.req("1.4.2")
@pytest.mark.parametrize("sdk", [Sdk.GRADIO, Sdk.STREAMLIT])
def test_python_sdks_pin_their_version(sdk: Sdk) -> None:
    readme = new_card("my-nice_app", sdk, sdk_version="5.49.1", license="mit",
                      short_description="Says: hello # world")  # fmt: skip
    reading = read_card(readme.encode())
    assert (reading.problems, reading.warnings) == ((), ())
    card = reading.card
    assert card is not None
    assert (card.title, card.sdk, card.sdk_version) == ("My Nice App", sdk, "5.49.1")
    assert (card.app_file, card.pinned, card.license) == ("app.py", False, ("mit",))
    assert card.short_description == "Says: hello # world"
    assert card.emoji
    assert card.color_from
    assert card.color_to


@pytest.mark.req("1.4.3")
def test_docker_and_static_say_less() -> None:
    for sdk in (Sdk.DOCKER, Sdk.STATIC):
        card = read_card(new_card("x", sdk, sdk_version="1").encode()).card
        assert card is not None
        assert set(card.to_json()) == {"title", "emoji", "colorFrom", "colorTo", "sdk", "pinned"}


@pytest.mark.parametrize("name", ["2048", "null", "true", "1.5", "a" * 96, "_-_", "0x10"])
def test_any_name_gives_a_title_that_is_text(name: str) -> None:
    card = read_card(new_card(name, Sdk.GRADIO).encode()).card
    assert card is not None
    assert card.title


@pytest.mark.req("1.4.4")
def test_gitattributes_send_large_kinds_to_lfs() -> None:
    lines = GITATTRIBUTES.splitlines()
    assert "*.safetensors filter=lfs diff=lfs merge=lfs -text" in lines
    assert "saved_model/**/* filter=lfs diff=lfs merge=lfs -text" in lines
    assert len(lines) == 35


@pytest.mark.req("1.4.3")
def test_static_has_a_page_at_once_and_the_others_wait_for_one() -> None:
    readme = new_card("a", Sdk.STATIC)
    assert set(starter_files("a", Sdk.STATIC, readme)) == {
        "README.md", ".gitattributes", "index.html", "style.css",
    }  # fmt: skip
    for sdk in Sdk:
        assert sdk.default_app_file in minimal_app(sdk)
    assert set(starter_files("a", Sdk.GRADIO, readme)) == {"README.md", ".gitattributes"}
