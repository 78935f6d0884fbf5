"""Objects that git's fsck refuses, and names that harm a checkout; git itself is the referee."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitserver.building import NewObjects
from gitserver.objects.entry import COMMIT, TAG
from gitserver.objects.store import object_id
from gitserver.receive.fsck.gitmodules import check_gitmodules
from gitserver.receive.fsck.names import forbidden_name, is_gitmodules
from spaceport.push import MAIN, ZERO
from tests.gitserver import packs
from tests.gitserver.packs import WHO, Object, blob, commit, oid, tree
from tests.gitserver.writing import Server, fsck, raw_push, serving

FILE = blob(b"hello\n")
F = oid(FILE)
SUB = tree(("100644", b"f", F))
S = oid(SUB)

BAD_NAMES = [
    *(b".", b"..", b".git", b".GIT", b".Git", b".giT", b"a/b", b".git/x"),
    *(b"git~1", b"GIT~1", b"Git~1", b".git.", b".git ", b".git . .", b".git...", b"git~1."),
    *(b".git::$INDEX_ALLOCATION", b".git:x", b"git~1:x", b".git\\x", b".git\\", b"git~1\\foo"),
    *(b"a\\.git", b"a\\git~1", b"a\\..\\.git\\x"),
    *(".g\u200cit".encode(), "\u200c.git".encode(), ".git\u200d".encode(), ".gi\ufefft".encode()),
    *(".\u202agit".encode(), ".\u206fgit".encode(), ".G\u200eI\u200fT".encode(), b".git\xff"),
    *(".g\u202ei\u202dt".encode(), ".git\u206a".encode()),
]
GOOD_NAMES = [
    *(b".gitignore", b".github", b"git", b".gitattributes", b"git~2", b"git~10", b".gitx"),
    *(b"a:b", b"a\\b", b"...", b"..a", b"x.git", ".gìt".encode(), b".git-x", b"-x", b" .git"),
    *(b"\xff\xfe", b"CON", b"a b", ".gi\u200bt".encode(), b"git~1x"),
]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("hostile")) as running:
        yield running
        assert fsck(running.repository) == ""


def push(target: Server, tip: Object, *others: Object) -> str:
    """The fate of a branch that is made at `tip`."""
    items = {oid(item): item for item in (tip, *others, FILE, SUB)}
    ref = f"refs/heads/{oid(tip)}"
    return raw_push(target, (ZERO, oid(tip), ref), pack=packs.pack(*items.values()))[1]


def of_tree(item: Object) -> tuple[Object, Object]:
    return commit(oid(item)), item


def referee(tmp_path: Path, *items: Object) -> str:
    """What `git fsck --strict` says of these objects."""
    subprocess.run(["git", "init", "-q", "--bare", tmp_path], check=True)
    target = tmp_path / "objects/pack"
    made = NewObjects()
    for item in items:
        made._objects[object_id(*item)] = item
    target.mkdir(exist_ok=True)
    made.write_pack(target)
    return fsck(tmp_path)


@pytest.mark.req("GIT-10")
@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_no_tree_may_hold(target: Server, name: bytes) -> None:
    line = push(target, *of_tree(tree(("100644", name, F))))
    assert line.startswith("ng "), line
    assert any(word in line for word in ("hasDot", "fullPathname")), line


@pytest.mark.req("GIT-10")
def test_git_refuses_them_too(tmp_path: Path) -> None:
    for number, name in enumerate(BAD_NAMES):
        assert referee(tmp_path / str(number), tree(("100644", name, F)), FILE) != "", name


@pytest.mark.req("GIT-10")
def test_harmless_look_alikes_pass(target: Server) -> None:
    entries = sorted(("100644", name, F) for name in GOOD_NAMES)
    line = push(target, *of_tree(tree(*entries)))
    assert line.startswith("ok "), line


@pytest.mark.req("GIT-10")
def test_every_case_of_git_is_found() -> None:
    for bits in range(8):
        name = "".join(c.upper() if bits >> i & 1 else c for i, c in enumerate("git"))
        assert forbidden_name(f".{name}".encode()) == "hasDotgit"
    for name in (
        b".gitmodules",
        b".GITMODULES",
        b"gitmod~1",
        b"GITMOD~4",
        b"gi7eba~1",
        b"GI7EB~10",
    ):
        assert is_gitmodules(name), name
    assert is_gitmodules(b".gitmodules .") and is_gitmodules(".git\u200cmodules".encode())
    for name in (b"gitmodules", b"gitmod~5", b"gi7eba~0", b"gi7eb~1", b".gitmodule", b"gi7ebax~1"):
        assert not is_gitmodules(name), name


def header(*lines: bytes, body: bytes = b"m\n") -> Object:
    return COMMIT, b"\n".join(lines) + b"\n\n" + body


T = b"tree " + S.encode()
A, C = b"author " + WHO, b"committer " + WHO
TAGGED = b"object " + oid(commit(S)).encode()
OBJECTS: dict[str, Object] = {
    "missingTree": header(A, C),
    "badTreeSha1": header(b"tree " + b"z" * 40, A, C),
    "badParentSha1": header(T, b"parent 12", A, C),
    "missingAuthor": header(T, C),
    "multipleAuthors": header(T, A, A, C),
    "missingCommitter": header(T, A),
    "missingNameBeforeEmail": header(T, b"author <a@b> 1 +0000", C),
    "badName": header(T, b"author a> <a@b> 1 +0000", C),
    "missingEmail": header(T, b"author a 1 +0000", C),
    "missingSpaceBeforeEmail": header(T, b"author a<a@b> 1 +0000", C),
    "badEmail": header(T, b"author a <a@b 1 +0000", C),
    "missingSpaceBeforeDate": header(T, b"author a <a@b>1 +0000", C),
    "zeroPaddedDate": header(T, b"author a <a@b> 01 +0000", C),
    "badDate": header(T, b"author a <a@b> x +0000", C),
    "badDateOverflow": header(T, b"author a <a@b> 99999999999999999999 +0000", C),
    "badTimezone": header(T, b"author a <a@b> 1 0000", C),
    "nulInHeader": header(T, A + b"\0x", C),
    "nulInCommit": header(T, A, C, body=b"a\0b\n"),
    "unterminatedHeader": (COMMIT, b"\n".join((T, A, C))),
    "missingObject": (TAG, b"type commit\ntag t\n\nm\n"),
    "badObjectSha1": (TAG, b"object zz\ntype commit\ntag t\n\nm\n"),
    "missingTypeEntry": (TAG, TAGGED + b"\ntag t\n\nm\n"),
    "badType": (TAG, TAGGED + b"\ntype thing\ntag t\n\nm\n"),
    "missingTagEntry": (TAG, TAGGED + b"\ntype commit\n\nm\n"),
    "missingSpaceBeforeDate ": (
        TAG,
        TAGGED + b"\ntype commit\ntag t\ntagger a <a@b>1 +0000\n\nm\n",
    ),
}
TREES: dict[str, Object] = {
    "treeNotSorted": tree(("100644", b"b", F), ("100644", b"a", F)),
    "treeNotSorted ": tree(("40000", b"a", S), ("100644", b"a.b", F)),
    "duplicateEntries": tree(("100644", b"a", F), ("100644", b"a", F)),
    "duplicateEntries ": tree(("100644", b"a", F), ("100644", b"a-b", F), ("40000", b"a", S)),
    "zeroPaddedFilemode": tree(("040000", b"a", S)),
    "nullSha1": tree(("100644", b"a", ZERO)),
    "emptyName": tree(("100644", b"", F)),
    "badTree": (2, b"100644 a"),
    "badTree ": (2, b"100644 a\0short"),
    "badTree  ": (2, b"xyz a\0" + bytes.fromhex(F)),
    "gitmodulesSymlink": tree(("120000", b".gitmodules", F)),
    "gitmodulesSymlink ": tree(("120000", b".GITMODULES ", F)),
    "gitmodulesBlob": tree(("40000", b".gitmodules", S)),
}
MODES = ["100600", "100777", "104755", "102644", "20644", "60644", "10644", "140644", "0", "100000"]


@pytest.mark.req("GIT-09")
@pytest.mark.parametrize("name", list(OBJECTS))
def test_commits_and_tags(target: Server, tmp_path: Path, name: str) -> None:
    item = OBJECTS[name]
    line = push(target, item, commit(S))
    assert line.startswith("ng ") and f" {name.strip()}: " in line, line
    assert oid(item) in line
    assert referee(tmp_path / "r", item, SUB, FILE, commit(S)) != "", "git does not mind"


@pytest.mark.req("GIT-09")
@pytest.mark.parametrize("name", list(TREES))
def test_trees(target: Server, tmp_path: Path, name: str) -> None:
    tip, item = of_tree(TREES[name])
    line = push(target, tip, item)
    assert line.startswith("ng ") and f" {name.strip()}: " in line, line
    assert referee(tmp_path / "r", tip, item, SUB, FILE) != "", "git does not mind"


@pytest.mark.req("GIT-13")
@pytest.mark.parametrize("mode", MODES)
def test_modes(target: Server, mode: str) -> None:
    line = push(target, *of_tree(tree((mode, b"a", F))))
    assert line.startswith("ng "), line


@pytest.mark.req("GIT-13")
def test_the_modes_that_git_knows(target: Server) -> None:
    entries = [
        *(("100644", b"a", F), ("100755", b"b", F), ("120000", b"c", F), ("40000", b"d", S)),
        *(("160000", b"e", "1" * 40), ("100664", b"f", F)),
    ]
    assert push(target, *of_tree(tree(*entries))).startswith("ok ")


@pytest.mark.req("GIT-12")
@pytest.mark.parametrize(
    ("text", "fate"),
    [
        (b"/etc/passwd", "ok"),
        (b"../../x", "ok"),
        (b"x" * 4096, "ok"),
        (b"x" * 4097, "ng"),
        (b"a\0b", "ng"),
    ],
)
def test_symbolic_links_are_text(target: Server, text: bytes, fate: str) -> None:
    link = blob(text)
    assert push(target, *of_tree(tree(("120000", b"l", oid(link)))), link).startswith(fate)


def modules(**settings: str) -> bytes:
    lines = "".join(f"\t{key} = {value}\n" for key, value in settings.items() if key != "name")
    return f'[submodule "{settings.get("name", "x")}"]\n{lines}'.encode()


GOOD = {"path": "x", "url": "https://example.org/x.git"}
BAD_MODULES = [
    *({"url": "-u./payload"}, {"url": "--upload-pack=x"}, {"url": "ext::sh -c id"}, {"url": "x"}),
    *({"url": "file:///etc"}, {"url": "/etc"}, {"url": "ssh://-oProxyCommand=x/y"}, {"url": ""}),
    *({"url": "-oProxyCommand=x:y"}, {"url": "https://example.org/\\n"}, {"url": "https://x/%0ay"}),
    *({"url": "fd::17/x"}, {"url": "git@-x:y"}, {"url": "javascript://x"}, {"url": "../::x"}),
    *({"path": "-x"}, {"path": "../x"}, {"path": "a/../../x"}, {"path": ".git/hooks"}),
    *({"path": '"x\r"'}, {"path": "a/.GIT/x"}, {"path": "a\\\\..\\\\x"}),
    *({"name": "../x"}, {"name": "a/../b"}, {"name": "a\\\\..\\\\b"}, {"name": ""}, {"name": ".."}),
    *({"name": ".git"}, {"name": "a/.git/x"}, {"update": "!touch x"}, {"update": "!sh"}),
]
GOOD_MODULES = [
    *({}, {"url": "../x.git"}, {"url": "./x"}, {"url": "git@example.org:x/y.git"}),
    *(
        {"url": "ssh://git@example.org:22/x"},
        {"url": "http://example.org/%20x"},
        {"update": "rebase"},
    ),
    *({"name": "a/b.c"}, {"path": "a/b"}, {"branch": "."}, {"url": "git://example.org/x"}),
]


@pytest.mark.req("GIT-11")
@pytest.mark.parametrize("settings", BAD_MODULES)
def test_gitmodules(target: Server, settings: dict[str, str]) -> None:
    content = blob(modules(**{**GOOD, **settings}))
    line = push(target, *of_tree(tree(("100644", b".gitmodules", oid(content)))), content)
    assert line.startswith("ng ") and " gitmodules" in line, line


@pytest.mark.req("GIT-11")
def test_gitmodules_in_disguise(target: Server) -> None:
    content = blob(modules(**{**GOOD, "url": "-u./payload"}))
    for name in (b".GitModules", b"gitmod~1", ".git\u200dmodules".encode(), b".gitmodules "):
        line = push(target, *of_tree(tree(("100644", name, oid(content)))), content)
        assert " gitmodulesUrl" in line, (name, line)


@pytest.mark.req("GIT-11")
def test_gitmodules_that_came_under_another_name(target: Server) -> None:
    content = blob(modules(**{**GOOD, "url": "-u./payload"}))
    first = push(target, *of_tree(tree(("100644", b"harmless", oid(content)))), content)
    assert first.startswith("ok ")
    assert " gitmodulesUrl" in push(
        target, *of_tree(tree(("100644", b".gitmodules", oid(content))))
    )


@pytest.mark.req("GIT-11")
@pytest.mark.parametrize("settings", GOOD_MODULES)
def test_sound_gitmodules(settings: dict[str, str]) -> None:
    assert list(check_gitmodules(modules(**{**GOOD, **settings}))) == []


def test_gitmodules_that_cannot_be_read() -> None:
    assert list(check_gitmodules(b'[submodule "x"\n'))
    assert list(check_gitmodules(b'[submodule "x"]\n\turl = "https://x\n'))
    assert list(check_gitmodules(bytes(2 << 20)))
    comment = b'# c\n[submodule "x"] ; c\n path = "x" # y\n url = https://a.b/c ; d\n'
    assert list(check_gitmodules(comment)) == []


@pytest.mark.req("GIT-19")
@pytest.mark.parametrize(("levels", "fate"), [(256, "ok"), (257, "ng")])
def test_depth_of_trees(target: Server, levels: int, fate: str) -> None:
    inner, made = SUB, []
    for _ in range(levels - 1):
        inner = tree(("40000", b"d", oid(inner)))
        made.append(inner)
    assert push(target, commit(oid(inner)), *made).startswith(fate)


def test_length_of_paths(target: Server) -> None:
    for names, fate in ((b"n" * 200, "ok"), (b"n" * 255, "ng")):
        inner, made = SUB, []
        for _ in range(20):
            inner = tree(("40000", names, oid(inner)))
            made.append(inner)
        assert push(target, commit(oid(inner)), *made).startswith(fate)


@pytest.mark.req("GIT-19")
def test_a_tree_bomb_may_be_pushed(target: Server) -> None:
    inner, made = SUB, []
    for _ in range(12):
        inner = tree(*(("40000", b"%d" % n, oid(inner)) for n in range(10)))
        made.append(inner)
    assert push(target, commit(oid(inner)), *made).startswith("ok ")
    assert target.refs()[MAIN]
