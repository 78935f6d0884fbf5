"""Requests that no git client sends, or that only a racing one does."""

from __future__ import annotations

import base64
import gzip
import http.client
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.git import GitSettings, PushLimits
from gitserver.credentials import parse_authorization
from spaceport.push import MAIN, ZERO
from tests.gitserver import packs
from tests.gitserver.writing import (
    ANN,
    EMPTY_PACK,
    Server,
    fsck,
    get,
    left_behind,
    post,
    push_body,
    raw_push,
    serving,
)
from tests.waiting import eventually

ABSENT = "1" * 40
BLOB = packs.blob(b"hello\n")
TREE = packs.tree(("100644", b"hello.txt", packs.oid(BLOB)))
ROOT = packs.commit(packs.oid(TREE))
PACK = packs.pack(ROOT, TREE, BLOB)
NEW = packs.oid(ROOT)
TYPE = "application/x-git-receive-pack-request"


@pytest.fixture(autouse=True)
def clean_afterwards(server: Server) -> Iterator[None]:
    yield
    assert fsck(server.repository) == ""
    eventually(lambda: not left_behind(server))


@pytest.mark.req("GIT-02")
@pytest.mark.parametrize("old", [ZERO, ABSENT])
def test_a_stale_old_value(server: Server, old: str) -> None:
    head = server.head
    assert raw_push(server, (old, NEW, MAIN), pack=PACK) == ["unpack ok", f"ng {MAIN} stale info"]
    assert server.head == head


@pytest.mark.req("GIT-02")
def test_the_same_request_twice(server: Server) -> None:
    command = (server.head, NEW, MAIN)
    assert raw_push(server, command, pack=PACK) == ["unpack ok", f"ok {MAIN}"]
    assert raw_push(server, command, pack=PACK) == ["unpack ok", f"ng {MAIN} stale info"]


@pytest.mark.req("GIT-03")
def test_deletes_are_compared_too(server: Server) -> None:
    dev = "refs/heads/dev"
    assert raw_push(server, (ZERO, server.head, dev)) == ["unpack ok", f"ok {dev}"]
    assert raw_push(server, (ABSENT, ZERO, dev), pack=b"")[1] == f"ng {dev} stale info"
    assert dev in server.refs()
    assert raw_push(server, (server.head, ZERO, dev), pack=b"")[1] == f"ok {dev}"
    assert raw_push(server, (server.head, ZERO, dev), pack=b"")[1] == f"ng {dev} stale info"
    refused = raw_push(server, (server.head, ZERO, MAIN), pack=b"")[1]
    assert refused == f"ng {MAIN} refusing to delete the current branch"


@pytest.mark.req("GIT-04")
def test_atomic_with_one_stale(server: Server) -> None:
    before = server.refs()
    commands = [
        (ZERO, NEW, "refs/heads/a"),
        (ABSENT, NEW, MAIN),
        (ZERO, NEW, "refs/heads/c"),
    ]
    lines = raw_push(server, *commands, pack=PACK, capabilities="report-status atomic")
    assert lines == [
        "unpack ok",
        "ng refs/heads/a atomic push failure",
        f"ng {MAIN} stale info",
        "ng refs/heads/c atomic push failure",
    ]
    assert server.refs() == before
    assert raw_push(server, *commands, pack=PACK)[1:] == [
        "ok refs/heads/a",
        f"ng {MAIN} stale info",
        "ok refs/heads/c",
    ]


@pytest.mark.req("GIT-05")
@pytest.mark.parametrize(
    "names",
    [
        ("refs/heads/a", "refs/heads/a"),
        ("refs/heads/a", "refs/heads/a/b"),
        ("refs/heads/a/b/c", "refs/heads/z", "refs/heads/a"),
    ],
)
def test_lists_that_contradict_themselves(server: Server, names: tuple[str, ...]) -> None:
    before = server.refs()
    lines = raw_push(server, *((ZERO, server.head, name) for name in names))
    assert all(line.startswith("ng ") for line in lines[1:])
    assert server.refs() == before


def test_a_ref_in_the_way_of_another(server: Server) -> None:
    assert raw_push(server, (ZERO, server.head, "refs/heads/a"))[1] == "ok refs/heads/a"
    assert raw_push(server, (ZERO, server.head, "refs/heads/a/b"))[1].startswith("ng")
    assert raw_push(server, (ZERO, server.head, "refs/heads/main/x"))[1].startswith("ng")


GOOD_NAMES = ["refs/heads/f/ü", "refs/tags/v1.0", "refs/heads/@x", "refs/heads/a-b_c+d=e"]
BAD_NAMES = [
    *(
        "HEAD",
        "main",
        "refs/main",
        "refs/heads/",
        "refs/heads//a",
        "refs/heads/a/",
        "refs//heads/a",
    ),
    *("refs/heads/.a", "refs/heads/a/.b", "refs/heads/a..b", "refs/heads/a.lock", "refs/heads/a."),
    *("refs/heads/a.lock/b", "refs/heads/-x", "refs/heads/a/-b", "refs/heads/--upload-pack=x"),
    *("refs/heads/a b", "refs/heads/a~1", "refs/heads/a^", "refs/heads/a:b", "refs/heads/a?"),
    *("refs/heads/a*", "refs/heads/a[", "refs/heads/a\\b", "refs/heads/a@{1}", "refs/heads/@"),
    *("refs/heads/a\x01", "refs/heads/a\x7f", "refs/heads/a\tb", "../../etc/passwd"),
    *("refs/heads/../../x", "refs/pr/1", "refs/convert/x", "refs/spaceport/x", "refs/notes/x"),
    *("refs/changes/1", "refs/heads/" + "a" * 201, "refs/heads/" + "/".join("a" * 150)),
]


@pytest.mark.req("GIT-14")
def test_names_of_refs(server: Server) -> None:
    before = server.refs()
    commands = [(ZERO, server.head, name) for name in BAD_NAMES]
    commands.append((ZERO, server.head, b"refs/heads/\xff\xfe"))
    for command in commands:
        answer = post(server, push_body([command]))
        report = answer.body.decode("utf-8", "replace")
        assert "ng " in report and ("funny refname" in report or "hidden ref" in report), command
    assert server.refs() == before
    good = raw_push(server, *((ZERO, server.head, name) for name in GOOD_NAMES))
    assert good[1:] == [f"ok {name}" for name in GOOD_NAMES]


@pytest.mark.req("GIT-07")
@pytest.mark.parametrize(
    ("new", "pack"),
    [
        (ABSENT, EMPTY_PACK),
        (ABSENT, PACK),
        (NEW, packs.pack(ROOT)),  # no tree
        (NEW, packs.pack(ROOT, TREE)),  # no blob
        (
            packs.oid(packs.commit(packs.oid(TREE), [ABSENT])),  # no parent
            packs.pack(packs.commit(packs.oid(TREE), [ABSENT]), TREE, BLOB),
        ),
    ],
)
def test_what_is_referred_to_must_be_there(server: Server, new: str, pack: bytes) -> None:
    before = server.refs()
    lines = raw_push(server, (ZERO, new, "refs/heads/x"), pack=pack)
    assert lines[1] == "ng refs/heads/x missing necessary objects"
    assert server.refs() == before


@pytest.mark.req("GIT-07")
def test_an_object_of_another_kind_than_it_is_named_as(server: Server) -> None:
    wrong = packs.tree(("40000", b"folder", packs.oid(BLOB)))
    tip = packs.commit(packs.oid(wrong))
    lines = raw_push(server, (ZERO, packs.oid(tip), MAIN), pack=packs.pack(tip, wrong, BLOB))
    assert lines[1] == f"ng {MAIN} missing necessary objects"


@pytest.mark.req("GIT-08")
def test_branches_hold_commits_and_tags_lead_to_them(server: Server) -> None:
    tag = (4, b"object " + packs.oid(BLOB).encode() + b"\ntype blob\ntag t\ntagger " + packs.WHO)
    tag = (4, tag[1] + b"\n\nm\n")
    everything = packs.pack(ROOT, TREE, BLOB, tag)
    for ref, item in [
        ("refs/heads/b", BLOB),
        ("refs/heads/t", TREE),
        ("refs/heads/g", tag),
        ("refs/tags/b", BLOB),
        ("refs/tags/t", TREE),
        ("refs/tags/g", tag),
    ]:
        line = raw_push(server, (ZERO, packs.oid(item), ref), pack=everything)[1]
        assert line.startswith(f"ng {ref} a {'branch' if 'heads' in ref else 'tag'} "), line


@pytest.mark.req("GIT-37")
@pytest.mark.parametrize("capabilities", ["", "report-status", "side-band-64k", "report-status-v2"])
def test_clients_that_can_little(server: Server, capabilities: str) -> None:
    answer = post(server, push_body([(server.head, NEW, MAIN)], PACK, capabilities))
    assert answer.status == 200
    assert server.head == NEW
    if capabilities.startswith("report"):
        assert answer.lines == ["unpack ok", f"ok {MAIN}"]


def test_a_capability_that_was_never_offered(server: Server) -> None:
    body = push_body([(server.head, NEW, MAIN)], PACK, "report-status push-cert=x")
    assert post(server, body).status == 400
    assert server.head != NEW


@pytest.mark.req("GIT-17")
@pytest.mark.parametrize(
    "body",
    [
        *(b"-001", b" 00a", b"0x1f", b"00_9", b"FFFF", b"fffg", b"0003", b"0002", b"0001", b"00"),
        *(b"0010abc", b"0009hello", push_body([(ZERO, ABSENT, MAIN)])[:-60], b"0006x\n0000"),
        push_body([(ZERO, ZERO, MAIN)]),
        push_body([(ABSENT, "x" * 40, MAIN)]),
        push_body([(ABSENT, NEW.upper(), MAIN)]),
    ],
)
def test_what_is_no_request(server: Server, body: bytes) -> None:
    before = server.refs()
    assert post(server, body).status == 400
    assert server.refs() == before


def test_the_probe_before_a_large_push(server: Server) -> None:
    assert (post(server, b"0000").status, post(server, b"").status) == (200, 200)


@pytest.mark.req("GIT-23")
def test_methods_and_media_types(server: Server) -> None:
    base = "/spaces/ann/x"
    for service in ("git-receive-pack", "git-upload-pack"):
        assert get(server, f"{base}/{service}").status == 405
        assert get(server, f"{base}/{service}", "PUT").status == 405
        wrong = {"Content-Type": "application/x-www-form-urlencoded"}
        assert post(server, b"0000", service.removeprefix("git-"), wrong).status == 415
    for path in ("/HEAD", "/objects/info/packs", "/config", "/hooks/update", "/packed-refs"):
        assert get(server, base + path).status == 404
    assert get(server, base + "/info/refs").status == 403
    assert get(server, base + "/info/refs?service=git-upload-archive").status == 403
    advert = get(server, base + ".git/info/refs?service=git-receive-pack")
    assert advert.status == 200
    assert "no-cache" in advert.headers["Cache-Control"]
    assert advert.headers["Content-Type"] == "application/x-git-receive-pack-advertisement"


@pytest.mark.req("GIT-31")
@pytest.mark.parametrize(
    "path",
    [
        *("/spaces/ann/y", "/spaces/../x", "/spaces/ann/x.git.git", "/spaces/%2e%2e/x"),
        *("/spaces/ann/%2e%2e", "/spaces/ann/x%00", "/spaces//x", "/spaces/ann/x%2fy"),
        *("/spaces/ann/.git", "/spaces/ann/" + "x" * 300, "/spaces/ann/х"),
    ],
)
def test_paths_that_lead_nowhere(server: Server, path: str) -> None:
    asked = path.encode("utf-8").decode("latin-1") if not path.isascii() else path
    quoted = "".join(c if ord(c) < 128 else f"%{ord(c):02x}" for c in asked)
    assert get(server, quoted + "/info/refs?service=git-upload-pack").status == 404


@pytest.mark.req("GIT-24")
@pytest.mark.parametrize("encoding", ["gzip", "x-gzip"])
def test_compressed_requests(server: Server, encoding: str) -> None:
    body = gzip.compress(push_body([(server.head, NEW, MAIN)], PACK))
    assert post(server, body, headers={"Content-Encoding": encoding}).lines[1] == f"ok {MAIN}"


@pytest.mark.req("GIT-24")
@pytest.mark.parametrize("encoding", ["deflate", "br", "gzip, gzip", "compress"])
def test_other_encodings(server: Server, encoding: str) -> None:
    body = zlib.compress(push_body([(server.head, NEW, MAIN)], PACK))
    assert post(server, body, headers={"Content-Encoding": encoding}).status == 415


@pytest.mark.req("GIT-24")
def test_damaged_compression(server: Server) -> None:
    body = gzip.compress(push_body([(server.head, NEW, MAIN)], PACK))
    for wrong in (body[:-30], body[:40] + b"xxxx" + body[44:], body + body):
        answer = post(server, wrong, headers={"Content-Encoding": "gzip"})
        assert answer.status == 400 or answer.lines[0].startswith("unpack the pack")
    assert server.head != NEW


@pytest.mark.req("GIT-24")
def test_a_gzip_bomb(tmp_path: Path) -> None:
    settings = GitSettings(push=PushLimits(pack_bytes=1 << 20))
    with serving(tmp_path / "small", settings) as server:
        command = push_body([(server.head, NEW, MAIN)], b"PACK")
        bomb = gzip.compress(command + bytes(1 << 28))
        assert post(server, bomb, headers={"Content-Encoding": "gzip"}).status == 413


def test_the_limit_on_the_wire(tmp_path: Path) -> None:
    settings = GitSettings(push=PushLimits(pack_bytes=len(PACK)))
    with serving(tmp_path / "small", settings) as server:
        large = packs.pack(ROOT, TREE, BLOB, packs.blob(b"more"))
        assert post(server, push_body([(server.head, NEW, MAIN)], large)).status == 413
        assert raw_push(server, (server.head, NEW, MAIN), pack=PACK)[1] == f"ok {MAIN}"
        declared = {"Content-Length": str(1 << 40), "Expect": "100-continue"}
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.putrequest("POST", "/spaces/ann/x/git-receive-pack")
        for name, value in {**declared, "Content-Type": TYPE}.items():
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.getresponse().status == 413
        connection.close()


def test_expect_is_answered_after_the_login_check(server: Server) -> None:
    def statuses(path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.putrequest("POST", path)
        for name, value in {
            "Content-Type": TYPE,
            "Content-Length": "4",
            "Expect": "100-continue",
        }.items():
            connection.putheader(name, value)
        connection.endheaders()
        first = connection.sock.recv(200)
        if b"100 Continue" in first:
            connection.send(b"0000")
            first += connection.sock.recv(400)
        connection.close()
        return first

    assert b"HTTP/1.1 200" in statuses("/spaces/ann/x/git-receive-pack")
    refused = statuses("/spaces/ann/nothing/git-receive-pack")
    assert b"HTTP/1.1 404" in refused and b"100 Continue" not in refused


@pytest.mark.req("GIT-38")
def test_a_client_that_hangs_up_leaves_nothing(server: Server) -> None:
    body = push_body([(server.head, NEW, MAIN)], PACK)
    for cut in (3, 40, len(body) - len(PACK), len(body) - 10):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.putrequest("POST", "/spaces/ann/x/git-receive-pack")
        connection.putheader("Content-Type", TYPE)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        connection.send(body[:cut])
        connection.close()
    eventually(lambda: not left_behind(server))
    assert server.head != NEW


@pytest.mark.req("GIT-40")
def test_a_repository_that_is_deleted_meanwhile(server: Server) -> None:
    key = server.repository.stem
    head = server.head
    server.hooks.judge = lambda *_: server.repositories.delete(key) or []
    line = raw_push(server, (head, NEW, MAIN), pack=PACK)[1]
    assert line.startswith(f"ng {MAIN} This repository")
    assert not server.repository.exists()
    server.repositories.create(key, {"README.md": b""}, ANN)


def test_credentials_are_read_where_clients_put_them() -> None:
    def basic(text: str) -> str:
        return "Basic " + base64.b64encode(text.encode()).decode()

    assert parse_authorization(None).anonymous
    assert parse_authorization(basic("ann:hf_x")).token == "hf_x"
    assert parse_authorization(basic("hf_x:")).token == "hf_x"
    assert parse_authorization("Bearer hf_x").token == "hf_x"
    assert parse_authorization("bearer hf_x").token == "hf_x"
    for odd in ("Basic !!!", "Digest x", "Basic " + "a" * 9000, basic("nocolon"), "Bearer "):
        assert not parse_authorization(odd).anonymous
        assert "hf_" not in repr(parse_authorization(odd))
