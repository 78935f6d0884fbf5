"""Reading revisions: names, ids, budgets, damage."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from config.git import GitSettings, ReadLimits
from gitserver.content import Content, Kind, TooLarge
from gitserver.export import Exporter, stays_inside
from gitserver.objects.entry import BadObject
from gitserver.objects.trees import entries
from gitserver.pointer import Pointer, parse_pointer
from gitserver.repositories import Repositories
from spaceport.errors import Conflict, Invalid, NotFound
from spaceport.push import MAIN, ZERO
from tests.gitserver import packs
from tests.gitserver.writing import ANN, KEY, fsck, git, raw_push, serving

POINTER = Pointer("ab" * 32, 11)


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    made = Repositories(tmp_path / "r", GitSettings())
    files = {"README.md": b"# x\n", "a/b.txt": b"b\n", "a/c/d.txt": b"d\n", "m.bin": POINTER.text()}
    made.create(KEY, files, ANN)
    return made


def revision_of(repositories: Repositories) -> str:
    return repositories.head(KEY) or ""


def test_born_complete(repositories: Repositories) -> None:
    path = repositories.path(KEY)
    assert fsck(path) == ""
    assert git("symbolic-ref", "HEAD", cwd=path) == MAIN
    assert git("log", "--format=%an <%ae> %s", cwd=path) == "Ann <ann@example.org> initial commit"
    with pytest.raises(Conflict):
        repositories.create(KEY, {}, ANN)
    assert list(repositories.keys()) == [KEY]
    repositories.delete(KEY)
    repositories.delete(KEY)
    assert list(repositories.keys()) == [] and not repositories.exists(KEY)
    with pytest.raises(NotFound):
        repositories.head(KEY)
    assert [list((repositories.root / n).iterdir()) for n in ("new", "trash")] == [[], []]


@pytest.mark.req("GIT-31")
@pytest.mark.parametrize("key", ["", "..", "a" * 23, "A" * 24, "a" * 24 + "\n", "../" + "a" * 21])
def test_only_keys_become_paths(repositories: Repositories, key: str) -> None:
    with pytest.raises(Invalid):
        repositories.path(key)


def test_resolve(repositories: Repositories) -> None:
    path, content = repositories.path(KEY), Content(repositories)
    head = revision_of(repositories)
    git("tag", "-a", "v1", "-m", "x", cwd=path, GIT_DIR=str(path))
    git("branch", "feature/x", cwd=path)
    for name in (
        "main",
        "HEAD",
        MAIN,
        "v1",
        "refs/tags/v1",
        "feature/x",
        head,
        head[:7],
        head[:20],
    ):
        assert content.resolve(KEY, name) == head, name
    for name in ("", "nope", "refs/heads/nope", "0" * 40, head[:6], head.upper(), "main~1", "-x"):
        with pytest.raises(NotFound):
            content.resolve(KEY, name)


@pytest.mark.req("GIT-16")
def test_what_no_ref_reaches_is_not_there(repositories: Repositories) -> None:
    path, content = repositories.path(KEY), Content(repositories)
    head = revision_of(repositories)
    tree = git("rev-parse", "main^{tree}", cwd=path)
    hidden = git("commit-tree", tree, "-m", "hidden", cwd=path)
    with pytest.raises(NotFound):
        content.resolve(KEY, hidden)
    git("update-ref", "refs/spaceport/x", hidden, cwd=path)
    with pytest.raises(NotFound):
        content.resolve(KEY, hidden)
    with pytest.raises(NotFound):
        content.resolve(KEY, tree)
    assert content.refs(KEY) == {MAIN: head}
    git("update-ref", "refs/heads/shown", hidden, cwd=path)
    assert content.resolve(KEY, hidden) == hidden


def test_trees_and_files(repositories: Repositories) -> None:
    content, revision = Content(repositories), revision_of(repositories)
    top = {entry.path: (entry.kind, entry.size) for entry in content.tree(KEY, revision)}
    assert top["a"] == (Kind.DIRECTORY, 0) and top["README.md"] == (Kind.FILE, 4)
    assert [entry.path for entry in content.tree(KEY, revision, "a")] == ["a/b.txt", "a/c"]
    everything = content.tree(KEY, revision, "", recursive=True)
    assert {entry.path for entry in everything} >= {"a/b.txt", "a/c", "a/c/d.txt"}
    assert content.read(KEY, revision, "a/c/d.txt", 2) == b"d\n"
    with pytest.raises(TooLarge):
        content.read(KEY, revision, "a/c/d.txt", 1)
    for path in ("a", "nope", "a/nope", "README.md/x", "a/../README.md", "a//b.txt"):
        with pytest.raises(NotFound):
            content.read(KEY, revision, path, 100)
    with pytest.raises(NotFound):
        content.tree(KEY, revision, "README.md")
    assert content.commits(KEY, revision)[0].title == "initial commit"


@pytest.mark.req("GIT-19")
def test_a_tree_bomb_meets_its_budget(tmp_path: Path) -> None:
    file = packs.blob(b"x")
    inner = packs.tree(("100644", b"f", packs.oid(file)))
    made = [file, inner]
    for _ in range(11):
        inner = packs.tree(*(("40000", b"%d" % n, packs.oid(inner)) for n in range(10)))
        made.append(inner)
    tip = packs.commit(packs.oid(inner))
    with serving(tmp_path / "r") as server:
        raw_push(server, (ZERO, packs.oid(tip), "refs/heads/bomb"), pack=packs.pack(tip, *made))
        content, exporter = Content(server.repositories), Exporter(server.repositories)
        with pytest.raises(TooLarge):
            content.tree(KEY, packs.oid(tip), "", recursive=True)
        assert len(content.tree(KEY, packs.oid(tip))) == 10
    small = Repositories(tmp_path / "r", GitSettings(read=ReadLimits(entries=500)))
    with pytest.raises(TooLarge):
        Exporter(small).export(KEY, packs.oid(tip), tmp_path / "out", lambda _: None)
    assert exporter is not None


@pytest.mark.req("DUR-18")
def test_a_flipped_bit_is_an_error_and_never_content(repositories: Repositories) -> None:
    content, revision = Content(repositories), revision_of(repositories)
    (pack,) = (repositories.path(KEY) / "objects/pack").glob("*.pack")
    sound = pack.read_bytes()
    pack.chmod(0o644)
    want = content.read(KEY, revision, "README.md", 100)
    for at in range(12, len(sound) - 20, 3):
        pack.write_bytes(sound[:at] + bytes([sound[at] ^ 0x10]) + sound[at + 1 :])
        try:
            assert content.read(KEY, revision, "README.md", 100) == want
        except (BadObject, NotFound, Invalid):
            continue


def test_trouble_is_never_taken_for_absence(repositories: Repositories) -> None:
    refs = repositories.path(KEY) / "packed-refs"
    kept = refs.read_text()
    refs.unlink()
    refs.mkdir()
    with pytest.raises(IsADirectoryError):
        repositories.head(KEY)
    refs.rmdir()
    for damage in ("garbage\n", kept.replace(" refs", "x refs"), kept[:60]):
        refs.write_text(damage)
        try:
            assert repositories.head(KEY) is not None or damage == kept[:60]
        except BadObject:
            continue


# Laying out


def test_export(repositories: Repositories, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"hello large")
    large.chmod(0o644)
    exporter, out = Exporter(repositories), tmp_path / "out"
    revision = revision_of(repositories)
    report = exporter.export(KEY, revision, out, lambda p: large if p == POINTER else None)
    assert (report.files, report.large_bytes, report.missing_pointers) == (4, 11, ())
    assert (out / "m.bin").samefile(large)
    assert (out / "a/c/d.txt").read_bytes() == b"d\n"
    assert stat.S_IMODE((out / "a").stat().st_mode) == 0o755
    missing = exporter.export(KEY, revision, tmp_path / "two", lambda _: None)
    assert missing.missing_pointers == ("m.bin",)
    with pytest.raises(Invalid):
        exporter.export(KEY, revision, out, lambda _: None)
    with pytest.raises(NotFound):
        exporter.export(KEY, "1" * 40, tmp_path / "three", lambda _: None)


@pytest.mark.req("BLD-01")
def test_hostile_trees_stay_in_their_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    file, up = packs.blob(b"pwned"), packs.blob(str(outside).encode())
    inside, climbing = packs.blob(b"sub/f"), packs.blob(b"../../outside")
    sub = packs.tree(("100755", b"f", packs.oid(file)), ("120000", b"l", packs.oid(climbing)))
    tree = packs.tree(
        *(("160000", b"module", "1" * 40), ("120000", b"out", packs.oid(up))),
        *(("120000", b"good", packs.oid(inside)), ("40000", b"sub", packs.oid(sub))),
    )
    tree = (tree[0], packs.tree(*sorted_entries(tree))[1])
    tip = packs.commit(packs.oid(tree))
    with serving(tmp_path / "r") as server:
        everything = packs.pack(tip, tree, sub, file, up, inside, climbing)
        line = raw_push(server, (ZERO, packs.oid(tip), "refs/heads/x"), pack=everything)[1]
        assert line == "ok refs/heads/x"
        out = tmp_path / "out"
        report = Exporter(server.repositories).export(KEY, packs.oid(tip), out, lambda _: None)
    assert sorted(report.refused_links) == ["out", "sub/l"]
    assert report.submodules == ("module",)
    assert (out / "good").read_bytes() == b"pwned" and str((out / "good").readlink()) == "sub/f"
    assert stat.S_IMODE((out / "sub/f").stat().st_mode) == 0o755
    assert list(outside.iterdir()) == []


def sorted_entries(tree: packs.Object) -> list[tuple[str, bytes, str]]:
    found = sorted(entries(tree[1]), key=lambda e: e.name + (b"/" if e.is_tree else b""))
    return [(f"{entry.mode:o}", entry.name, entry.oid.hex()) for entry in found]


@pytest.mark.parametrize(
    ("link", "target", "inside"),
    [
        *(("l", "a", True), ("l", "a/b", True), ("d/l", "../a", True), ("l", "./a", True)),
        *(("l", "../a", False), ("d/l", "../../a", False), ("l", "/etc", False), ("l", "", False)),
        *(("d/l", "x/../../y", False), ("d/e/l", "x/../y", False), ("d/e/l", "../..", True)),
    ],
)
def test_links_that_stay_inside(link: str, target: str, inside: bool) -> None:
    assert stays_inside(link, target) == inside


# Pointers


def test_pointers() -> None:
    assert parse_pointer(POINTER.text()) == POINTER
    sound = POINTER.text().decode()
    for text in (
        *("", "x", sound.replace("v1", "v9"), sound.replace("sha256:", "md5:"), sound + "x" * 1024),
        *(
            sound.replace("ab", "AB"),
            sound.replace("ab" * 32, "ab" * 31),
            sound.replace("11", "-1"),
        ),
        *(
            sound.replace("11", "011"),
            sound.replace("size 11\n", ""),
            sound.replace("11", "9" * 20),
        ),
        *("\n".join(reversed(sound.splitlines())), sound.replace("oid", "oid ")),
    ):
        assert parse_pointer(text.encode()) is None, text
    with pytest.raises(ValueError, match="pointer"):
        Pointer("x", 1)
