"""Attackers that ask for what no visible ref reaches, and for nonsense."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitserver import pktline
from gitserver.upload.policy import WantRule
from gitserver.upload.request import ProtocolError
from gitserver.upload.rules import DEFAULT_RULES
from gitserver.upload.v0 import V0Machine
from gitserver.upload.v2 import V2Machine
from tests.gitserver.reading import Server, client, git, make_repository, serving


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    (tmp_path / "repos").mkdir()
    async with serving(tmp_path / "repos", tmp_path / "cache") as running:
        repo = make_repository(running.root, commits=12)
        git("-C", str(repo), "update-ref", "refs/pr/1", "main~2")
        yield running


async def ask(server: Server, version: int, *lines: bytes, raw: bytes = b"") -> bytes:
    """Send a request as bytes; gives the whole answer."""
    body = raw or b"".join(lines)

    async def request() -> AsyncIterator[bytes]:
        yield body

    answer = server.service.serve(server.root / "r.git", version, request(), rules=server.rules)
    return b"".join([chunk async for chunk in answer])


def v2_fetch(*arguments: str) -> bytes:
    head = pktline.line(b"command=fetch") + pktline.DELIM_PKT
    return head + b"".join(pktline.line(line.encode()) for line in arguments) + pktline.FLUSH_PKT


def v0_fetch(oid: str, *more: str) -> bytes:
    lines = [f"want {oid} side-band-64k ofs-delta", *more]
    return (
        b"".join(pktline.line(line.encode()) for line in lines)
        + pktline.FLUSH_PKT
        + pktline.line(b"done")
    )


def secrets(repo: Path) -> list[str]:
    """A dangling commit, its tree and its blob; a commit that only a hidden ref holds."""
    work = repo.parent.parent / "secrets"
    git("clone", "-q", str(repo), str(work))
    (work / "secret.txt").write_text("the key")
    git("add", ".", cwd=work)
    git("commit", "-q", "-m", "secret", cwd=work)
    git("push", "-q", "origin", "HEAD:refs/internal/keep", cwd=work)
    (work / "gone.txt").write_text("removed")
    git("add", ".", cwd=work)
    git("commit", "-q", "-m", "gone", cwd=work)
    git("push", "-q", "origin", "HEAD:refs/heads/gone", cwd=work)
    git("-C", str(repo), "update-ref", "-d", "refs/heads/gone")
    names = ["HEAD", "HEAD^{tree}", "HEAD:gone.txt", "HEAD~1", "HEAD~1^{tree}", "HEAD:secret.txt"]
    return [git("rev-parse", name, cwd=work) for name in names]


@pytest.mark.req("GIT-15")
@pytest.mark.req("GIT-16")
@pytest.mark.parametrize("version", [0, 2])
async def test_hidden_and_removed_objects_cannot_be_had_by_their_hash(
    server: Server, version: int
) -> None:
    repo = server.root / "r.git"
    for oid in [*secrets(repo), "1" * 40]:
        body = v2_fetch(f"want {oid}", "done") if version == 2 else v0_fetch(oid)
        answer = await ask(server, version, body)
        assert answer == pktline.error(f"upload-pack: not our ref {oid}")
    seen = (await client("ls-remote", f"{server.url}/r.git")).out
    assert "refs/internal" not in seen
    assert "refs/pr/1" in seen


@pytest.mark.req("GIT-16")
@pytest.mark.parametrize("version", ["0", "2"])
async def test_any_object_that_a_visible_ref_reaches_may_be_asked_for(
    server: Server, tmp_path: Path, version: str
) -> None:
    repo = server.root / "r.git"
    secrets(repo)
    for name in ("main~5", "main~5^{tree}", "main:dir0/sub/file0.txt"):
        copy = tmp_path / name.replace(":", "_").replace("/", "_")
        git("init", "-q", "--bare", str(copy))
        oid = git("-C", str(repo), "rev-parse", name)
        await client(
            "-c", f"protocol.version={version}", "fetch", "-q", "--depth", "1",
            f"{server.url}/r.git", oid, cwd=copy,
        )  # fmt: skip
        assert git("-C", str(copy), "cat-file", "-t", oid)


async def test_only_tips_where_the_rules_say_so(server: Server) -> None:
    server.rules = replace(DEFAULT_RULES, wants=WantRule.TIPS)
    older = git("-C", str(server.root / "r.git"), "rev-parse", "main~3")
    assert b"not our ref" in await ask(server, 2, v2_fetch(f"want {older}", "done"))
    tip = git("-C", str(server.root / "r.git"), "rev-parse", "main")
    assert b"PACK" in await ask(server, 2, v2_fetch(f"want {tip}", "done"))


V2_REFUSED = {
    "no command": pktline.line(b"agent=x") + pktline.FLUSH_PKT,
    "unknown command": pktline.line(b"command=push") + pktline.FLUSH_PKT,
    "unknown capability": pktline.line(b"command=ls-refs") + pktline.line(b"x") + b"0000",
    "other hash": pktline.line(b"command=ls-refs")
    + pktline.line(b"object-format=sha256")
    + b"0000",
    "two commands": pktline.line(b"command=ls-refs") * 2 + b"0000",
    "ls-refs argument": pktline.line(b"command=ls-refs") + b"0001" + pktline.line(b"x") + b"0000",
    "fetch argument": v2_fetch("wand"),
    "no id": v2_fetch("want main"),
    "capital id": v2_fetch("want " + "A" * 40),
    "depth 0": v2_fetch("want " + "1" * 40, "deepen 0"),
    "depth word": v2_fetch("want " + "1" * 40, "deepen x"),
    "depth negative": v2_fetch("want " + "1" * 40, "deepen -1"),
    "two boundaries": v2_fetch("deepen 1", "deepen-since 1600000000"),
    "filter": v2_fetch("filter sparse:oid=main"),
    "want-ref": v2_fetch("want-ref refs/internal/keep"),
    "cut short": pktline.line(b"command=ls-refs")[:-3],
    "no flush": pktline.line(b"command=ls-refs"),
    "bad length": b"0003",
    "response end": pktline.line(b"command=ls-refs") + b"0002",
}


@pytest.mark.req("GIT-17")
@pytest.mark.req("GIT-26")
@pytest.mark.parametrize("name", V2_REFUSED)
async def test_a_bad_v2_request_gets_one_err_packet(server: Server, name: str) -> None:
    packets = pktline.parse_all(await ask(server, 2, raw=V2_REFUSED[name]))
    assert len(packets) == 1
    assert isinstance(packets[0], bytes) and packets[0].startswith(b"ERR ")


@pytest.mark.req("GIT-21")
async def test_floods_of_wants_and_haves_are_refused(server: Server) -> None:
    tip = git("-C", str(server.root / "r.git"), "rev-parse", "main")
    haves = [f"have {number:040x}" for number in range(65_537)]
    assert b"too many haves" in await ask(server, 2, v2_fetch(f"want {tip}", *haves))
    assert b"too many wants" in await ask(server, 2, v2_fetch(*([f"want {tip}"] * 10_001)))
    assert b"larger than" in await ask(server, 2, raw=b"0005x" * 2_000_000)
    answer = await ask(server, 2, v2_fetch(f"want {tip}", *haves[:-1]))
    assert pktline.parse_all(answer)[:2] == [b"acknowledgments\n", b"NAK\n"]


@pytest.mark.req("GIT-37")
async def test_clients_without_side_band_or_acks_or_ofs_delta(
    server: Server, tmp_path: Path
) -> None:
    tip = git("-C", str(server.root / "r.git"), "rev-parse", "main")
    body = pktline.line(f"want {tip}".encode()) + b"0000" + pktline.line(b"done")
    answer = await ask(server, 0, raw=body)
    assert answer.startswith(b"0008NAK\nPACK")
    check_pack(answer[8:], tmp_path, "plain")
    body = pktline.line(f"want {tip} side-band".encode()) + b"0000" + pktline.line(b"done")
    packets = pktline.parse_all(await ask(server, 0, raw=body))
    assert all(isinstance(p, bytes) and len(p) <= 996 for p in packets[:-1])
    pack = b"".join(p[1:] for p in packets[1:] if isinstance(p, bytes) and p[0] == 1)
    check_pack(pack, tmp_path, "band")


def check_pack(pack: bytes, folder: Path, name: str) -> None:
    path = folder / f"{name}.pack"
    path.write_bytes(pack)
    git("index-pack", "--strict", str(path))


@given(st.data())
@settings(max_examples=1500, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@pytest.mark.req("GIT-17")
def test_mutated_requests_are_read_or_refused(data: st.DataObject) -> None:
    base = data.draw(
        st.sampled_from(
            [
                v2_fetch("want " + "1" * 40, "have " + "2" * 40, "deepen 3", "done"),
                pktline.line(b"command=ls-refs") + b"0001" + pktline.line(b"peel") + b"0000",
                v0_fetch("1" * 40, "shallow " + "3" * 40, "deepen 1"),
            ]
        )
    )
    wire = bytearray(base)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(wire) - 1))
        wire[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
        if not wire:
            return
    for machine in (V2Machine(DEFAULT_RULES), V0Machine(DEFAULT_RULES)):
        try:
            machine.feed(bytes(wire))
            machine.finish()
        except ProtocolError as refusal:
            assert str(refusal)
