"""Names and host labels (spaces-behaviour 1.3 and 13.1; acceptance 5, 134 to 136)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaceport.errors import Invalid
from spaceport.names import (
    SpaceId,
    check_account_name,
    check_space_name,
    host_label,
    new_key,
    preview_label,
    title_of,
)

KEY = "0123456789abcdef01234567"


@pytest.mark.parametrize("name", ["a", "hello", "my_app", "TRELLIS.2", "README", "x" * 96, "_a_"])
def test_these_names_are_fine(name: str) -> None:
    assert check_space_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "a b", "a/b", "-a", "a-", ".a", "a.", "a--b", "a..b", "a.git", "A.GIT", "x" * 97, "é"],
)
def test_these_names_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        check_space_name(name)


@pytest.mark.parametrize("name", ["ada", "a1", "open-ai", "A" * 42])
def test_these_accounts_are_fine(name: str) -> None:
    assert check_account_name(name) == name


@pytest.mark.parametrize(
    "name", ["a", "1234", "-ada", "ada-", "a--b", "api", "Spaces", "a_b", "a.b", "A" * 43]
)
def test_these_accounts_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        check_account_name(name)


@pytest.mark.parametrize("text", ["a", "a/", "/b", "a/b/c", "", "a%2Fb"])
def test_an_id_is_exactly_author_and_name(text: str) -> None:
    with pytest.raises(Invalid):
        SpaceId.parse(text)


@pytest.mark.parametrize(
    ("space", "label"),
    [
        ("NimaBoscarino/hotdog-gradio", "nimaboscarino-hotdog-gradio"),
        ("microsoft/TRELLIS.2", "microsoft-trellis-2"),
        ("user/tmp_test_space", "user-tmp-test-space"),
        ("osanseviero/i-like-flan", "osanseviero-i-like-flan"),
        ("a/_x_", "a-x"),
    ],
)
def test_the_label_of_a_space(space: str, label: str) -> None:
    assert host_label(SpaceId.parse(space), KEY) == label


def test_a_taken_label_gets_a_suffix_of_its_own() -> None:
    first, second = SpaceId("a", "b-c"), SpaceId("a-b", "c")
    assert host_label(first, KEY) == host_label(second, KEY)
    one = host_label(second, KEY, taken=True)
    other = host_label(second, new_key(), taken=True)
    assert one.startswith("a-b-c-") and other.startswith("a-b-c-") and one != other


@given(
    author=st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,94}[A-Za-z0-9_]", fullmatch=True),
    name=st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,94}[A-Za-z0-9_]", fullmatch=True),
    taken=st.booleans(),
)
def test_every_label_is_a_dns_label(author: str, name: str, taken: bool) -> None:
    label = host_label(SpaceId(author, name), KEY, taken=taken)
    assert re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", label)
    assert "--" not in label


@pytest.mark.parametrize(
    ("parent", "ref", "label"),
    [
        ("ada-hello", "refs/heads/draft", "ada-hello--draft"),
        ("ada-hello", "refs/heads/Feature/New__look", "ada-hello--feature-new-look"),
        ("ada-hello", "refs/pr/3", "ada-hello--pr-3"),
        ("xn", "refs/heads/draft", "xn-space--draft"),
    ],
)
def test_the_label_of_a_preview(parent: str, ref: str, label: str) -> None:
    assert preview_label(parent, ref, KEY) == label


@pytest.mark.req("13.1.2", "13.1.3")
@given(
    parent=st.from_regex(r"[a-z0-9]([a-z0-9]|-(?=[a-z0-9])){0,62}", fullmatch=True),
    ref=st.text(min_size=1, max_size=200),
    taken=st.booleans(),
)
def test_every_label_of_a_preview_is_a_dns_label(parent: str, ref: str, taken: bool) -> None:
    label = preview_label(parent, f"refs/heads/{ref}", KEY, taken=taken)
    assert re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", label)
    assert "--" in label and label[2:4] != "--"
    assert label != preview_label(parent, f"refs/heads/{ref}", new_key(), taken=True)


@pytest.mark.parametrize(
    ("name", "title"), [("i-like-flan", "I Like Flan"), ("my_app.2", "My App 2"), ("---", "---")]
)
def test_the_title_of_a_name(name: str, title: str) -> None:
    assert title_of(name) == title
