"""The very packets of both servers, up to the pack: clients other than git are particular."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from gitserver import pktline
from gitserver.pktline import DELIM_PKT, FLUSH_PKT, parse_all
from tests.gitserver.plain.world import Same, World

FLUSH, DELIM = "0000", "0001"


def wire(world: World, *lines: str) -> bytes:
    """Lines with the ids that they name: `{main}`, `{main~2}`, `{main^{tree}}`."""
    parts = []
    for text in lines:
        if text in (FLUSH, DELIM):
            parts.append(FLUSH_PKT if text == FLUSH else DELIM_PKT)
            continue
        while "<" in text:
            before, _, rest = text.partition("<")
            name, _, after = rest.partition(">")
            text = before + world.git("rev-parse", name, cwd=world.repo) + after
        parts.append(pktline.line(text.encode()))
    return b"".join(parts)


def ask(world: World, body: bytes, version: int, path: str = "git-upload-pack") -> list[bytes]:
    """The packets of the answer, the pack and text for people left out."""
    request = urllib.request.Request(
        world.address(f"r.git/{path}"),
        data=body or None,
        headers={
            "Content-Type": f"application/x-{path}-request",
            "Git-Protocol": f"version={version}",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = answer.read()
    except urllib.error.HTTPError as error:
        return [f"status {error.code}".encode()]
    head, pack, _ = found.partition(b"PACK")
    if pack:
        head = head[:-4] if head.endswith((b"\n", b"NAK\n")) else head[:-5]
    packets = parse_all(head, delim=True)
    shown = [p if isinstance(p, bytes) else p.name.encode() for p in packets]
    kept = [p for p in shown if not p.startswith((b"\x02", b"\x01"))]
    return [*(b"agent" if p.startswith(b"agent=") else p for p in kept), b"PACK" if pack else b""]


CAPS = "multi_ack_detailed no-done side-band-64k thin-pack ofs-delta agent=x/1"
NEW = "<main>"
V0: dict[str, tuple[str, ...]] = {
    "clone": (f"want {NEW} {CAPS}", FLUSH, "done"),
    "old acks": ("want <main> side-band-64k", FLUSH, "have <main~3>", "done"),
    "no band": ("want <main> ofs-delta", FLUSH, "have <main~3>", FLUSH),
    "multi_ack": (
        *("want <main> multi_ack side-band-64k", FLUSH, "have <main~3>", "have <main~4>"),
        "done",
    ),
    "detailed round": (f"want {NEW} {CAPS}", FLUSH, "have <main~3>", FLUSH),
    "detailed unknown": (f"want {NEW} {CAPS}", FLUSH, "have " + "1" * 40, FLUSH),
    "detailed done": (
        *("want <main> multi_ack_detailed side-band-64k", FLUSH, "have <main~3>", "have <main~4>"),
        "done",
    ),
    "depth": (f"want {NEW} {CAPS}", "deepen 2", FLUSH, "done"),
    "depth alone": (f"want {NEW} {CAPS}", "deepen 2", FLUSH),
    "deeper": (f"want {NEW} {CAPS}", "shallow <main>", "deepen 3", FLUSH, "have <main>", "done"),
    "since": (f"want {NEW} {CAPS}", "deepen-since 1600000150", FLUSH, "done"),
    "not": (f"want {NEW} {CAPS}", "deepen-not refs/tags/old", FLUSH, "done"),
    "nothing": (FLUSH,),
}
FETCH = ("command=fetch", "object-format=sha1", DELIM)
V2: dict[str, tuple[str, ...]] = {
    "refs": ("command=ls-refs", DELIM, "peel", "symrefs", "unborn", FLUSH),
    "prefixes": (
        *("command=ls-refs", DELIM, "symrefs", "ref-prefix HEAD", "ref-prefix refs/tags/"),
        FLUSH,
    ),
    "plain refs": ("command=ls-refs", FLUSH),
    "clone": (*FETCH, "want <main>", "done", FLUSH),
    "round": (*FETCH, "want <main>", "have <main~2>", "have " + "1" * 40, FLUSH),
    "unknown": (*FETCH, "want <main>", "have " + "1" * 40, FLUSH),
    "done": (*FETCH, "want <main>", "have <main~2>", "done", FLUSH),
    "wait": (*FETCH, "wait-for-done", "have <main~2>", FLUSH),
    "depth": (*FETCH, "want <main>", "deepen 2", "done", FLUSH),
    "deeper": (
        *(*FETCH, "want <main>", "shallow <main>", "deepen 3", "have <main>", "done"),
        FLUSH,
    ),
    "relative": (
        *(*FETCH, "want <main>", "shallow <main>", "deepen 1", "deepen-relative", "done"),
        FLUSH,
    ),
    "since": (*FETCH, "want <main>", "deepen-since 1600000150", "done", FLUSH),
    "not": (*FETCH, "want <main>", "deepen-not refs/tags/old", "done", FLUSH),
    "want-ref": (*FETCH, "want-ref refs/heads/main", "done", FLUSH),
    "sizes": ("command=object-info", DELIM, "size", "oid <main>", FLUSH),
    "lone flush": (FLUSH,),
}


def prepare(world: World) -> None:
    world.make()
    world.git("tag", "old", "main~4", cwd=world.repo)
    world.git("tag", "-a", "-m", "one", "v1", "main~1", cwd=world.repo)
    world.config(**{"uploadpack.allowRefInWant": "true", "uploadpack.allowFilter": "true"})


@pytest.mark.req("GIT-37")
def test_requests_of_v0(same: Same) -> None:
    def case(world: World) -> object:
        prepare(world)
        return {name: ask(world, wire(world, *lines), 0) for name, lines in V0.items()}

    same(case)


@pytest.mark.req("GIT-37")
def test_requests_of_v2(same: Same) -> None:
    def case(world: World) -> object:
        prepare(world)
        return {name: ask(world, wire(world, *lines), 2) for name, lines in V2.items()}

    same(case)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_advertisements(same: Same, version: int) -> None:
    def case(world: World) -> object:
        prepare(world)
        services = ["git-upload-pack"]
        services += ["git-receive-pack"] if version < 2 else []  # no client asks for v2 there
        paths = {name: f"info/refs?service={name}" for name in services}
        packets = {name: ask(world, b"", version, path) for name, path in paths.items()}
        return {name: [_sorted(packet) for packet in found] for name, found in packets.items()}

    same(case)


def _sorted(packet: bytes) -> object:
    """Capabilities in no order, without the name of the server."""
    head, nul, words = packet.partition(b"\0")
    left = [word for word in words.strip().split() if not word.startswith(b"agent=")]
    return (head, sorted(left)) if nul else head
