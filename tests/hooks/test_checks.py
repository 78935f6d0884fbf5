"""What a push is refused for, what is only told, and that each text says how to mend."""

from __future__ import annotations

import dataclasses
import os

import pytest

from gitserver.pointer import Pointer
from hooks.push_hooks import PushHooks
from spaceport.push import MAIN, ZERO, Push, RefUpdate
from tests.hooks.conftest import PLACES, Desk, git

GOOD = "---\nsdk: gradio\n---\n# Hello\n"
MIB = 1024 * 1024


def with_settings(desk: Desk, *, blob: int = 10 * MIB, repository: int = 0) -> None:
    settings = desk.repositories.settings
    limits = settings.push.model_copy(update={"blob_bytes": blob})
    changed = settings.model_copy(update={"push": limits, "repository_bytes": repository})
    desk.hooks = PushHooks(desk.ledger, desk.repositories, PLACES, settings=changed)


def test_a_good_push_is_fine_and_says_nothing(desk: Desk) -> None:
    desk.write("app.py", "print('hi')\n")
    desk.commit()
    assert desk.judged() == []
    assert desk.told == []


@pytest.mark.req("2.3")
@pytest.mark.req("WEB-07")
@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("sdk: gradio\ncolorFrom: orange\napp_port: x", ["colorFrom must be one of", "app_port"]),
        ("sdk: flask", ["sdk must be one of gradio, streamlit, docker, static"]),
        ("a: &a x\nb: *a", ["anchors"]),
        ("a: !!python/none x", ["tags"]),
        ("a: [", ["not valid YAML"]),
    ],
)
def test_a_block_that_is_not_valid_refuses_main_with_a_line_for_each_error(
    desk: Desk, block: str, words: list[str]
) -> None:
    desk.write("README.md", f"---\n{block}\n---\n")
    desk.commit()
    [rejection] = desk.judged()
    assert (rejection.ref, rejection.reason) == (MAIN, "README.md is not valid")
    assert "git commit --amend" in rejection.message
    for word in words:
        assert word in rejection.message


def test_another_branch_may_hold_anything_as_readme(desk: Desk) -> None:
    desk.write("README.md", "---\nsdk: [\n---\n")
    new = desk.commit()
    assert desk.judged(desk.push_of(new, "refs/heads/draft")) == []


@pytest.mark.req("2.4")
@pytest.mark.parametrize(
    ("readme", "word"),
    [
        ("# Hello", "no configuration block"),
        ("---\ntitle: x\n---\n", "which SDK"),
        (GOOD, "There is no app.py yet"),
        ("---\nsdk: docker\n---\n", "There is no Dockerfile yet"),
        ("---\nsdk: gradio\napp_file: src/run.py\n---\n", "There is no src/run.py yet"),
        (None, "There is no README.md"),
    ],
)
def test_what_is_missing_is_told_but_accepted(desk: Desk, readme: str | None, word: str) -> None:
    if readme is None:
        (desk.work / "README.md").unlink()
    else:
        desk.write("README.md", readme)
    desk.write("other.txt", "x")
    desk.commit()
    assert desk.judged() == []
    assert any(word in line for line in desk.told), desk.told


def test_an_app_file_in_a_folder_and_one_that_a_build_makes_are_not_missing(desk: Desk) -> None:
    desk.write("README.md", "---\nsdk: gradio\napp_file: src/run.py\n---\n")
    desk.write("src/run.py", "x = 1\n")
    desk.commit()
    assert desk.judged() == []
    desk.write(
        "README.md",
        "---\nsdk: static\napp_build_command: npm run build\napp_file: dist/index.html\n---\n",
    )
    desk.commit()
    assert desk.judged() == []
    assert desk.told == []


@pytest.mark.req("11.8")
def test_a_large_raw_file_is_refused_with_the_commands_that_mend_it(desk: Desk) -> None:
    with_settings(desk, blob=1 * MIB)
    desk.write("models/my weights,v1.bin", os.urandom(MIB + 1))
    desk.write("exactly.bin", os.urandom(MIB))
    desk.commit()
    [rejection] = desk.judged()
    assert "models/my weights,v1.bin (2 MiB)" in rejection.message
    assert "exactly.bin" not in rejection.message
    assert "git lfs migrate import --include='models/my?weights?v1.bin'" in rejection.message
    assert "--include-ref" not in rejection.message  # only what is not pushed yet


@pytest.mark.req("11.8")
def test_a_large_file_that_a_later_commit_removes_is_refused_too(desk: Desk) -> None:
    with_settings(desk, blob=1 * MIB)
    desk.write("big.bin", os.urandom(MIB + 1))
    desk.commit()
    (desk.work / "big.bin").unlink()
    desk.commit()
    assert "big.bin" in desk.judged()[0].message


@pytest.mark.req("11.8")
def test_a_large_file_that_the_repository_holds_already_is_left_alone(desk: Desk) -> None:
    desk.write("big.bin", os.urandom(2 * MIB))
    desk.commit()
    desk.push()
    with_settings(desk, blob=1 * MIB)
    git(desk.work, "mv", "big.bin", "moved.bin")
    desk.commit()
    assert desk.judged() == []


@pytest.mark.req("11.16")
def test_a_repository_that_would_become_too_large(desk: Desk) -> None:
    with_settings(desk, repository=1 * MIB)
    desk.write("a.bin", os.urandom(100))
    push = desk.push_of(desk.commit())
    assert desk.judged(push) == []
    large = dataclasses.replace(push, detail={"pack_bytes": str(2 * MIB)})
    [rejection] = desk.judged(large)
    assert "would hold 3 MiB" in rejection.message
    assert "git lfs migrate" in rejection.message
    gone = Push(push.space, push.actor_id, (RefUpdate("refs/heads/x", push.updates[0].new, ZERO),))
    assert desk.judged(dataclasses.replace(gone, detail=large.detail)) == []


@pytest.mark.req("GIT-10")
def test_names_with_control_characters_are_refused(desk: Desk) -> None:
    desk.write("a\nb.txt", "x")
    desk.write("c\x1b[31m.txt", "x")
    desk.commit()
    [rejection] = desk.judged()
    assert "control characters" in rejection.reason
    assert "\x1b" not in rejection.message


def test_names_that_do_not_travel_are_told(desk: Desk) -> None:
    desk.write("docs/Read.txt", "1")
    desk.write("docs/read.txt", "2")
    desk.write("aux.py", "3")
    desk.write("a\u202etxt.py", "4")
    desk.commit()
    assert desk.judged() == []
    told = "\n".join(desk.told)
    assert "docs/Read.txt" in told
    assert "docs/read.txt" in told
    assert "aux.py" in told
    assert "invisible" in told
    assert "\u202e" not in told


@pytest.mark.req("LFS-17")
def test_a_pointer_without_its_object_is_refused(desk: Desk) -> None:
    held, absent = Pointer("a" * 64, 5), Pointer("b" * 64, 6)
    desk.write("held.bin", held.text())
    desk.write("models/absent.bin", absent.text())
    desk.commit()
    assert desk.judged() == []  # no LFS, nothing is asked
    desk.hooks = PushHooks(
        desk.ledger, desk.repositories, PLACES, has_large=lambda key, pointer: pointer == held
    )
    [rejection] = desk.judged()
    assert "models/absent.bin" in rejection.message
    assert "held.bin" not in rejection.message
    assert "git lfs push --all origin" in rejection.message


def test_a_push_of_many_refs_is_refused_for_all_but_told_once(desk: Desk) -> None:
    with_settings(desk, blob=10)
    desk.write("a.bin", os.urandom(11))
    new = desk.commit()
    updates = tuple(RefUpdate(f"refs/heads/{name}", ZERO, new) for name in "abc")
    rejections = desk.judged(Push(desk.space.key, None, updates))
    assert [rejection.ref[-1] for rejection in rejections] == ["a", "b", "c"]
    assert sum(bool(rejection.message) for rejection in rejections) == 1


def test_an_annotated_tag_is_looked_through(desk: Desk) -> None:
    with_settings(desk, blob=10)
    desk.write("a.bin", os.urandom(11))
    desk.commit()
    git(desk.work, "tag", "-a", "v1", "-m", "one")
    tag = git(desk.work, "rev-parse", "v1")
    assert desk.judged(desk.push_of(tag, "refs/tags/v1"))


def test_deleting_refs_is_looked_at_by_no_check(desk: Desk) -> None:
    assert desk.judged(desk.push_of(ZERO)) == []
