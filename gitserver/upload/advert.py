"""What a client is told first: capabilities and refs (gitprotocol-pack(5), gitprotocol-v2(5)).

Pure functions from a snapshot of the refs to bytes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gitserver import pktline
from gitserver.upload.policy import RefPolicy
from gitserver.upload.refs import RefSnapshot
from gitserver.upload.rules import UploadRules
from spaceport.push import ZERO

AGENT = "agent=spaceport/0.1"
MAX_PREFIXES = 65_536


class VisibleRef(NamedTuple):
    """A ref as a reader sees it; `target` only when that may be seen as well."""

    name: str
    oid: str
    peeled: str
    target: str = ""


@dataclass(frozen=True)
class VisibleRefs:
    """The refs that a policy shows, sorted by name."""

    refs: tuple[VisibleRef, ...]
    names: tuple[str, ...]
    tips: frozenset[str]
    """Every id that is advertised as a ref's value."""

    head: str
    """The branch that HEAD names, if it may be seen, else ""."""

    head_oid: str
    shallow: tuple[str, ...] = ()
    """Commits whose parents the repository itself does not have."""

    def value(self, name: str) -> str | None:
        """The id of a visible ref (or HEAD), by its full name."""
        if name == "HEAD":
            return self.head_oid or None
        rank = bisect_left(self.names, name)
        return self.refs[rank].oid if self.names[rank : rank + 1] == (name,) else None


def visible_refs(
    snapshot: RefSnapshot, policy: RefPolicy, shallow: Iterable[str] = ()
) -> VisibleRefs:
    """Apply `policy`. HEAD is shown when it is detached or the branch it names may be seen."""
    refs = tuple(
        VisibleRef(
            name,
            value.oid,
            value.peeled or "",
            value.target if _shows(policy, value.target) else "",
        )
        for name, value in snapshot.refs.items()
        if policy.visible(name)
    )
    shown = policy.visible("HEAD") if policy.head_always else _shows(policy, snapshot.head)
    head = snapshot.head if shown else ""
    hidden = not shown if policy.head_always else bool(snapshot.head) and not head
    head_oid = "" if hidden else snapshot.head_oid
    tips = frozenset(ref.oid for ref in refs) | ({head_oid} if head_oid else frozenset())
    names = tuple(ref.name for ref in refs)
    return VisibleRefs(refs, names, tips, head, head_oid, tuple(shallow))


def _shows(policy: RefPolicy, target: str) -> bool:
    return bool(target) and policy.visible(target)


def advert_v0(visible: VisibleRefs, rules: UploadRules, *, version: int, stateless: bool) -> bytes:
    """The ref advertisement of protocol v0 and v1 (which says `version 1` first)."""
    parts = [pktline.line(b"version 1")] if version == 1 else []
    capabilities = " ".join(capabilities_v0(visible, rules, stateless=stateless)).encode()
    lines = _ref_lines(visible)
    if lines:
        first = lines[0].removesuffix(b"\n")
        parts.append(pktline.line(first + b"\0" + capabilities))
        parts.extend(pktline.pkt(line) for line in lines[1:])
    else:
        parts.append(pktline.line(f"{ZERO} capabilities^{{}}\0".encode() + capabilities))
    parts.extend(pktline.line(f"shallow {oid}".encode()) for oid in visible.shallow)
    parts.append(pktline.FLUSH_PKT)
    return b"".join(parts)


def capabilities_v0(visible: VisibleRefs, rules: UploadRules, *, stateless: bool) -> list[str]:
    """Only HEAD is named as a symref: two of them make clients before 2.41 spin for ever."""
    found = (
        "multi_ack thin-pack side-band side-band-64k ofs-delta shallow deepen-since deepen-not "
        "deepen-relative no-progress include-tag multi_ack_detailed"
    ).split()
    found.extend(rules.offers)
    if stateless:
        found.append("no-done")
    if visible.head and visible.head_oid:
        found.append(f"symref=HEAD:{visible.head}")
    if rules.filters:
        found.append("filter")
    return [*found, "object-format=sha1", AGENT]


def advert_v2(rules: UploadRules) -> bytes:
    """The capability advertisement of protocol v2."""
    fetch = "shallow wait-for-done" + (" filter" if rules.filters else "")
    fetch += " ref-in-want" if rules.ref_in_want else ""
    fetch += " sideband-all" if rules.sideband_all else ""
    lines = [
        "version 2",
        AGENT,
        "ls-refs=unborn" if rules.unborn == "advertise" else "ls-refs",
        f"fetch={fetch}",
        "server-option",
        "object-format=sha1",
        *(["object-info"] if rules.object_info else []),
    ]
    return b"".join(pktline.line(line.encode()) for line in lines) + pktline.FLUSH_PKT


def ls_refs(
    visible: VisibleRefs, *, prefixes: Sequence[str], peel: bool, symrefs: bool, unborn: bool
) -> bytes:
    """The answer to `ls-refs`. Past `MAX_PREFIXES` prefixes all are ignored, as in git."""
    wanted = prefixes if len(prefixes) <= MAX_PREFIXES else ()
    parts = []
    if not wanted or any("HEAD".startswith(prefix) for prefix in wanted):
        head = _head_line(visible, symrefs=symrefs, unborn=unborn)
        parts.extend([head] if head else [])
    for ref in _with_prefixes(visible, wanted):
        line = f"{ref.oid} {ref.name}"
        if symrefs and ref.target:
            line += f" symref-target:{ref.target}"
        if peel and ref.peeled:
            line += f" peeled:{ref.peeled}"
        parts.append(pktline.line(_raw(line)))
    return b"".join(parts) + pktline.FLUSH_PKT


def _head_line(visible: VisibleRefs, *, symrefs: bool, unborn: bool) -> bytes:
    target = f" symref-target:{visible.head}" if visible.head and symrefs else ""
    if visible.head_oid:
        return pktline.line(_raw(f"{visible.head_oid} HEAD{target}"))
    if unborn and visible.head:
        return pktline.line(_raw(f"unborn HEAD{target}"))
    return b""


def _with_prefixes(visible: VisibleRefs, prefixes: Sequence[str]) -> Iterable[VisibleRef]:
    if not prefixes:
        return visible.refs
    found: list[VisibleRef] = []
    covered = None
    for prefix in sorted(set(prefixes)):
        if covered is not None and prefix.startswith(covered):
            continue  # every ref below it is there already
        covered = prefix
        rank = bisect_left(visible.names, prefix)
        while rank < len(visible.names) and visible.names[rank].startswith(prefix):
            found.append(visible.refs[rank])
            rank += 1
    return found


def _ref_lines(visible: VisibleRefs) -> list[bytes]:
    lines = []
    if visible.head_oid:
        lines.append(f"{visible.head_oid} HEAD\n".encode())
    for ref in visible.refs:
        lines.append(_raw(f"{ref.oid} {ref.name}\n"))
        if ref.peeled:
            lines.append(_raw(f"{ref.peeled} {ref.name}^{{}}\n"))
    return lines


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
