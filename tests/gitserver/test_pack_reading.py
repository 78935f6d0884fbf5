"""Packs, histories and walks, with real git as the referee."""

from __future__ import annotations

import hashlib
import random
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitserver.pack.file import OFS_DELTA, PackDamaged, entry_header, parse_entry
from gitserver.pack.history import History
from gitserver.pack.make import PackMaker, PackSink, pack_header
from gitserver.pack.store import ObjectMissing, ObjectStore
from gitserver.pack.walk import Walk
from tests.gitserver.reading import ENV, fast_import, git, make_repository


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "repos").mkdir()
    return make_repository(tmp_path / "repos", commits=60)


def all_objects(repo: Path) -> dict[str, tuple[str, int]]:
    lines = git("-C", str(repo), "cat-file", "--batch-all-objects", "--batch-check").splitlines()
    return {oid: (kind, int(size)) for oid, kind, size in (line.split() for line in lines)}


def make(store: ObjectStore, oids: list[bytes], **options: bool) -> bytes:
    parts: list[bytes] = []
    sink = PackSink(parts.append)
    sink.put(pack_header(len(oids)))
    PackMaker(store, **options).write(oids, sink)  # type: ignore[arg-type]
    trailer = sink.finish()
    return b"".join(parts) + trailer


def check(pack: bytes, folder: Path) -> set[str]:
    """Let git index a pack strictly; gives the ids in it."""
    path = folder / f"{hashlib.sha256(pack).hexdigest()[:10]}.pack"
    path.write_bytes(pack)
    git("index-pack", "--strict", str(path))
    shown = subprocess.run(
        ["git", "show-index"], stdin=path.with_suffix(".idx").open("rb"), capture_output=True,
        env=ENV, check=True, text=True,
    ).stdout  # fmt: skip
    return {line.split()[1] for line in shown.splitlines()}


@pytest.mark.parametrize("version", ["1", "2"])
def test_every_object_reads_as_git_reads_it(repo: Path, version: str) -> None:
    git("-C", str(repo), "-c", f"pack.indexVersion={version}", "repack", "-q", "-a", "-d", "-f")
    store = ObjectStore(repo / "objects")
    names = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
    objects = all_objects(repo)
    for oid, (kind, size) in objects.items():
        found, data = store.read(bytes.fromhex(oid))
        assert (names[found], len(data)) == (kind, size)
        head = f"{kind} {size}".encode() + b"\0"
        assert hashlib.sha1(head + data).hexdigest() == oid
        assert store.kind_and_size(bytes.fromhex(oid)) == (found, size)
    with pytest.raises(ObjectMissing):
        store.read(b"\1" * 20)


@pytest.mark.parametrize("ofs", [True, False])
def test_any_closed_part_makes_a_pack_that_git_takes(repo: Path, tmp_path: Path, ofs: bool) -> None:
    git("-C", str(repo), "repack", "-q", "-a", "-d", "-f", "--depth=50")
    fast_import(repo, 8, files=2, branch="later")
    store = ObjectStore(repo / "objects")
    for revision in ("main", "main~30", "later", "main~59"):
        listed = git("-C", str(repo), "rev-list", "--objects", revision).splitlines()
        wanted = {line[:40] for line in listed}
        pack = make(store, [bytes.fromhex(oid) for oid in wanted], ofs=ofs)
        assert check(pack, tmp_path) == wanted


def test_bases_from_several_packs_form_no_circle(repo: Path, tmp_path: Path) -> None:
    """The same objects in three packs with deltas the other way round in each."""
    for number in range(3):
        git("-C", str(repo), "repack", "-q", "-a", "-f", f"--window={10 + number * 30}",
            f"--depth={5 + 20 * number}")  # fmt: skip
    wanted = sorted(all_objects(repo))
    store = ObjectStore(repo / "objects")
    random.Random(5).shuffle(wanted)
    pack = make(store, [bytes.fromhex(oid) for oid in wanted])
    assert check(pack, tmp_path) == set(wanted)


def test_large_loose_objects_are_streamed(repo: Path, tmp_path: Path) -> None:
    data = random.Random(1).randbytes(3 << 20)
    file = tmp_path / "blob"
    file.write_bytes(data)
    oid = git("-C", str(repo), "hash-object", "-w", str(file))
    store = ObjectStore(repo / "objects")
    assert check(make(store, [bytes.fromhex(oid)]), tmp_path) == {oid}


def test_alternates_and_packs_that_vanish(repo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.git"
    git("clone", "-q", "--bare", "--shared", str(repo), str(other))
    store = ObjectStore(other / "objects")
    tip = bytes.fromhex(git("-C", str(repo), "rev-parse", "main"))
    before = store.read(tip)
    git("-C", str(repo), "repack", "-q", "-a", "-d", "-f")
    assert store.read(tip) == before
    assert len(Walk(History(ObjectStore(other / "objects"))).run([tip], ())) == len(
        git("-C", str(repo), "rev-list", "--objects", "main").splitlines()
    )


def random_history(repo: Path, seed: int) -> list[str]:
    """Merges, and clocks that go backwards."""
    rng = random.Random(seed)
    tree = git("-C", str(repo), "mktree")
    made: list[str] = []
    for number in range(60):
        parents = rng.sample(made[-12:], min(len(made[-12:]), rng.choice([1, 1, 1, 2, 3])))
        time = 1_600_000_000 + 60 * number - rng.choice([0, 0, 0, 50_000])
        arguments = [part for parent in parents for part in ("-p", parent)]
        made.append(
            git("-C", str(repo), "commit-tree", *arguments, "-m", f"{seed} {number}", tree,
                GIT_COMMITTER_DATE=f"{time} +0000", GIT_AUTHOR_DATE=f"{time} +0000")
        )  # fmt: skip
    return made


def reached(repo: Path, tips: list[str]) -> set[str]:
    return set(git("-C", str(repo), "rev-list", *tips).split()) if tips else set()


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_new_commits_are_those_that_git_lists(tmp_path: Path, seed: int, graph: bool) -> None:
    repo = make_repository(tmp_path, commits=0)
    made = random_history(repo, seed)
    git("-C", str(repo), "update-ref", "refs/heads/main", made[-1])
    if graph:
        git("-C", str(repo), "commit-graph", "write", "--reachable")
    history = History(ObjectStore(repo / "objects"))
    rng = random.Random(seed)
    for _ in range(25):
        wants, haves = rng.sample(made, 2), rng.sample(made, rng.randrange(3))
        # git's own limited walk is misled by clocks as well, so the truth is taken from two walks.
        listed = reached(repo, wants) - reached(repo, haves)
        raw = [[bytes.fromhex(oid) for oid in oids] for oids in (wants, haves)]
        new, _ = history.new_commits(*raw)
        # Never fewer; with clocks that lie a few more may come, which costs bytes only.
        assert listed <= {oid.hex() for oid in new}
        if not haves:
            assert listed == {oid.hex() for oid in new}
        ancestors = reached(repo, wants)
        for oid in rng.sample(made, 5):
            assert history.reachable([bytes.fromhex(oid)], raw[0]) == (oid in ancestors)


@given(st.sampled_from([1, 2, 3, 4, OFS_DELTA]), st.integers(0, 2**40), st.integers(1, 2**36))
def test_entry_headers_read_as_they_were_written(kind: int, size: int, back: int) -> None:
    header = entry_header(kind, size, back)
    entry = parse_entry(header + b"x" * 30, 2**40)
    assert (entry.kind, entry.size, entry.length) == (kind, size, len(header))
    if kind == OFS_DELTA:
        assert entry.base_offset == 2**40 - back


@given(st.binary(max_size=40))
def test_any_bytes_are_an_entry_or_damage(data: bytes) -> None:
    try:
        parse_entry(data, 1000)
    except PackDamaged:
        return


def test_a_damaged_pack_says_so(repo: Path) -> None:
    pack = next((repo / "objects/pack").glob("*.pack"))
    tip = bytes.fromhex(git("-C", str(repo), "rev-parse", "main"))
    data = bytearray(pack.read_bytes())
    store = ObjectStore(repo / "objects")
    place = store.place(tip)
    assert place is not None
    data[place.offset + 4 : place.offset + 24] = bytes(20)
    pack.chmod(0o644)
    pack.write_bytes(data)
    with pytest.raises(PackDamaged):
        ObjectStore(repo / "objects").read(tip)
