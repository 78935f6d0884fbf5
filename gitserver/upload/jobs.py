"""What a worker process does for a fetch: check, negotiate, cut, walk, make the pack.

A job is a dictionary that came over a pipe; the answer is a stream of events through `emit`:

- `{"e": "refused", "text"}`: the request may not be answered; nothing follows.
- `{"e": "cut", "shallow": [...], "unshallow": [...]}`: the new boundary, when one was asked for.
- `{"e": "acks", "common": [...], "ready": bool}`: which haves exist here.
- `{"e": "progress", "text"}`: a line for the person who waits.
- `{"e": "hold", "path"}`: a file of which a range will be named.
- `{"e": "bytes" | "range" | "part" | "grown", ...}`: the pack, in order (`answers`).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gitserver.layout import common_of
from gitserver.pack.file import COMMIT, PackFile
from gitserver.pack.filters import Filter, parse_filter
from gitserver.pack.history import History
from gitserver.pack.make import PackMaker, PackSink, pack_header
from gitserver.pack.store import ObjectMissing, ObjectStore
from gitserver.pack.walk import Found, Walk
from gitserver.upload.advert import VisibleRefs, visible_refs
from gitserver.upload.answers import Answers, Event
from gitserver.upload.closures import Closure, Closures
from gitserver.upload.policy import RefPolicy, WantRule
from gitserver.upload.refs import RefSnapshot, is_fresh, read_refs
from gitserver.upload.request import INFINITE_DEPTH, ProtocolError
from gitserver.upload.shallow import Cut, Deepen, cut

Emit = Callable[[Event], None]
Tick = Callable[[str, int], None]

_INLINE = 1 << 18
_READ = 1 << 20


@dataclass
class OpenRepository:
    """What a worker remembers of a repository between jobs."""

    path: Path
    store: ObjectStore
    history: History
    closures: Closures
    snapshot: RefSnapshot | None = None
    mark: str = ""

    @classmethod
    def open(cls, path: Path, cache: Path) -> OpenRepository:
        store = ObjectStore(common_of(path) / "objects")
        history = History(store)
        folder = cache
        if history.cuts:  # what its tips reach changes with the repository's own boundary
            mark = hashlib.sha256(b"".join(sorted(history.cuts))).hexdigest()[:16]
            folder = cache / f"cut-{mark}"
        return cls(path, store, history, Closures(folder, history))

    def visible(self, policy: RefPolicy) -> VisibleRefs:
        if self.snapshot is None or not is_fresh(self.path, self.snapshot):
            self.snapshot = read_refs(self.path, self._peel, self.snapshot)
        return visible_refs(self.snapshot, policy)

    def _peel(self, oid: str) -> str | None:
        raw = bytes.fromhex(oid)
        try:
            target, _ = self.history.peel(raw)
        except ObjectMissing:
            return None
        return target.hex() if target != raw else ""


class FetchJob:
    """One fetch. Raises `ProtocolError` for what must be refused, `ObjectMissing` for damage."""

    def __init__(self, repo: OpenRepository, job: dict[str, Any], emit: Emit, tick: Tick) -> None:
        self._repo = repo
        self._history = repo.history
        self._store = repo.store
        self._job = job
        self._emit = emit
        self._tick = tick
        self._wants = [bytes.fromhex(oid) for oid in job["wants"]]
        self._client = [bytes.fromhex(oid) for oid in job["shallow"]]
        self._filter: Filter = parse_filter(job["filter"]) if job["filter"] else Filter()
        self._policy = _policy_of(job)
        self._answers = Answers(Path(job["cache"]), job["cache_bytes"])

    def run(self) -> None:
        self._store.refresh()
        self._check_wants()
        cut_off = self._cut()
        common = self._acknowledge(cut_off)
        if common is not None:
            self._pack(common, cut_off)

    def _check_wants(self) -> None:
        """Only advertised tips, or what they reach, may be wanted (GIT-16)."""
        if self._job["checked"]:
            return
        rule = WantRule(self._job["want_rule"])
        visible = self._repo.visible(_wantable(self._job, self._policy))
        others = [oid for oid in self._wants if oid.hex() not in visible.tips]
        missing = next((oid for oid in others if oid not in self._store), None)
        if missing is not None or (others and rule is WantRule.TIPS):
            raise not_ours(missing or others[0])
        if others and rule is WantRule.REACHABLE:
            check_reachable(self._repo, visible, others, self._counting)

    def _cut(self) -> Cut:
        job = self._job
        client = [oid for oid in self._client if oid in self._store]
        if not (job["depth"] or job["since"] or job["deepen_not"]):
            if not (job["v2"] and self._history.cuts):
                return Cut(cuts=frozenset(client))
            # What this repository itself lacks, v0 says in the advertisement and v2 here.
            job = job | {"depth": INFINITE_DEPTH}
        excluded = [bytes.fromhex(oid) for oid in job["deepen_not"]]
        deepen = Deepen(
            job["depth"], job["relative"], job["since"], tuple(self._history.commits_of(excluded))
        )
        result = cut(self._history, self._history.commits_of(self._wants), client, deepen)
        self._emit(
            {
                "e": "cut",
                "shallow": [oid.hex() for oid in result.shallow],
                "unshallow": [oid.hex() for oid in result.unshallow],
            }
        )
        return result

    def _acknowledge(self, cut_off: Cut) -> list[bytes] | None:
        """The common haves when a pack is to follow, else None."""
        job = self._job
        common = [oid for oid in map(bytes.fromhex, job["haves"]) if oid in self._store]
        ready = False
        if job["pack"] in ("if-ready", "ready-only") and common:
            ready = self._history.all_reach(
                self._history.commits_of([*self._wants, *cut_off.wants]),
                self._history.commits_of(common),
            )
        self._emit({"e": "acks", "common": [oid.hex() for oid in common], "ready": ready})
        makes = job["pack"] == "always" or (ready and job["pack"] == "if-ready")
        return common if makes else None

    def _pack(self, common: list[bytes], cut_off: Cut) -> None:
        tags = self._tags() if self._job["include_tag"] else {}
        key = self._key(common, cut_off, tags)
        pieces = None if self._job.get("again") else self._answers.find(key)
        if pieces is not None:
            for piece in pieces:
                self._emit(piece)
            return
        output = _Output(self._emit, self._answers, key)
        if not common and not cut_off.cuts and not self._filter.anything:
            self._whole(tags, output)
        else:
            self._part(common, cut_off, tags, output)

    def _whole(self, tags: dict[bytes, bytes], output: _Output) -> None:
        """A clone: everything that the wants reach."""
        closure = self._repo.closures.of(self._wants, self._counting)
        extra = [tag for tag, target in tags.items() if target in closure]
        if extra:
            closure = self._repo.closures.of([*self._wants, *extra], self._counting)
        self._tell(closure.count)
        ofs = self._job["ofs_delta"]
        if closure.pack is None or not ofs:
            oids = closure.tail_oids() + (closure.pack.index.oids() if closure.pack else [])
            self._make(PackMaker(self._store, ofs=ofs, tick=self._writing), oids, output)
        elif not closure.tail:
            output.range(closure.pack, 0, closure.pack.size)
            output.keep()
        else:
            self._with_tail(closure, closure.pack, output)

    def _with_tail(self, closure: Closure, pack: PackFile, output: _Output) -> None:
        """The bytes of a whole pack, then what came later, behind one header."""
        sink = PackSink(output.write)
        header = pack_header(closure.count)
        self._emit({"e": "hold", "path": str(pack.path)})  # it must be there to the end
        output.inline(header)
        sink.skip(header)
        end = pack.size - 20
        output.range(pack, 12, end - 12)
        for at in range(12, end, _READ):
            sink.skip(pack.pread(min(_READ, end - at), at))
            self._tick("", 0)
        maker = PackMaker(
            self._store, known=lambda oid: pack.index.find(oid) is not None, tick=self._writing
        )
        maker.write(closure.tail_oids(), sink)
        output.finish(sink.finish())

    def _part(
        self, common: list[bytes], cut_off: Cut, tags: dict[bytes, bytes], output: _Output
    ) -> None:
        walk = Walk(self._history, filter=self._filter, cuts=cut_off.cuts, tick=self._counting)
        found = walk.run([*self._wants, *cut_off.wants], common)
        oids = found.all()
        oids.update(tag for tag, target in tags.items() if target in oids)
        self._tell(len(oids))
        # A partial clone may lack what its commits name, so its deltas need their bases with them.
        thin = self._job["thin"] and not self._filter.anything
        known = _known(found, oids) if thin else frozenset()
        maker = PackMaker(
            self._store, known_oids=known, ofs=self._job["ofs_delta"], tick=self._writing
        )
        self._make(maker, oids, output)

    def _make(self, maker: PackMaker, oids: list[bytes] | set[bytes], output: _Output) -> None:
        sink = PackSink(output.write)
        sink.put(pack_header(len(oids)))
        maker.write(oids, sink)
        output.finish(sink.finish())

    def _tags(self) -> dict[bytes, bytes]:
        """Annotated tags that a reader may see, and what they stand for, wants left out."""
        wanted = set(self._wants)
        found = {}
        for ref in self._repo.visible(self._policy).refs:
            if ref.peeled and ref.name.startswith("refs/tags/"):
                oid = bytes.fromhex(ref.oid)
                if oid not in wanted:
                    found[oid] = bytes.fromhex(ref.peeled)
        return found

    def _key(self, common: list[bytes], cut_off: Cut, tags: dict[bytes, bytes]) -> str:
        parts = [
            sorted(oid.hex() for oid in set(self._wants).union(cut_off.wants)),
            sorted({oid.hex() for oid in common}),
            sorted(oid.hex() for oid in cut_off.cuts),
            self._filter.key,
            bool(self._job["thin"] and common),
            self._job["ofs_delta"],
            sorted(tag.hex() for tag in tags),
            sorted(oid.hex() for oid in self._history.cuts),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]

    def _counting(self, count: int) -> None:
        self._tick("Counting objects", count)

    def _writing(self, count: int) -> None:
        self._tick("Collecting objects", count)

    def _tell(self, count: int) -> None:
        self._emit({"e": "progress", "text": f"Enumerating objects: {count}, done.\n"})


class _Output:
    """Where the bytes of a pack go: inline while they are few, then a file that readers follow."""

    def __init__(self, emit: Emit, answers: Answers, key: str) -> None:
        self._emit = emit
        self._answers = answers
        self._key = key
        self._pieces: list[Event] = []
        self._pending = bytearray()
        self._part: Path | None = None
        self._size = 0
        self._large = False

    def inline(self, data: bytes) -> None:
        """A few bytes that go out now."""
        self._piece({"e": "bytes", "data": base64.b64encode(data).decode()})

    def range(self, pack: PackFile, offset: int, length: int) -> None:
        """Part of a file that stays as it is; whoever serves it opens it at once."""
        where = {"path": str(pack.path), "offset": offset, "length": length, "size": pack.size}
        self._piece({"e": "range", **where})
        self._large = True

    def write(self, data: bytes) -> None:
        """Bytes of the pack in the making."""
        self._pending += data
        if len(self._pending) >= _INLINE:
            self._spill()

    def finish(self, trailer: bytes) -> None:
        """The last bytes; the answer is kept if making it again would cost something."""
        self._pending += trailer
        if self._part is None:
            self.inline(self._take())
        else:
            self._spill()
            final = self._answers.final(self._key)
            self._pieces.append(
                {
                    "e": "range",
                    "path": str(final),
                    "offset": 0,
                    "length": self._size,
                    "size": self._size,
                }
            )
        self.keep()

    def keep(self) -> None:
        if self._large:
            self._answers.keep(self._key, self._pieces, self._part)

    def _piece(self, piece: Event) -> None:
        self._pieces.append(piece)
        self._emit(piece)

    def _spill(self) -> None:
        data = self._take()
        if self._part is None:
            self._part = self._answers.new_file(self._key)
            self._part.write_bytes(b"")
            self._emit({"e": "part", "path": str(self._part)})
            self._large = True
        with self._part.open("ab") as file:
            file.write(data)
        self._size += len(data)
        self._emit({"e": "grown", "size": self._size})

    def _take(self) -> bytes:
        data = bytes(self._pending)
        self._pending.clear()
        return data


def object_info(repo: OpenRepository, job: dict[str, Any], emit: Emit, tick: Tick) -> None:
    """Sizes of objects that a reader may have: the command `object-info`."""
    repo.store.refresh()
    oids = [bytes.fromhex(oid) for oid in job["oids"]]
    visible = repo.visible(_wantable(job, _policy_of(job)))
    missing = next((oid for oid in oids if oid not in repo.store), None)
    if missing is not None:
        raise not_ours(missing)
    if WantRule(job["want_rule"]) is not WantRule.ANY:
        check_reachable(repo, visible, oids, lambda count: tick("", count))
    sizes = [[oid.hex(), repo.store.kind_and_size(oid)[1]] for oid in oids]
    emit({"e": "sizes", "sizes": sizes})


def _policy_of(job: dict[str, Any]) -> RefPolicy:
    return RefPolicy(tuple(job["shown"]), tuple(job["hidden"]), job["head_always"])


def _wantable(job: dict[str, Any], policy: RefPolicy) -> RefPolicy:
    """The refs that count when something is asked for by id."""
    return replace(policy, hidden=()) if job["hidden_wants"] else policy


def check_reachable(
    repo: OpenRepository, visible: VisibleRefs, oids: list[bytes], tick: Callable[[int], None]
) -> None:
    """Raises `ProtocolError` unless visible refs reach every one of `oids`."""
    tips = [bytes.fromhex(oid) for oid in visible.tips]
    history = repo.history
    commits = {oid for oid in oids if repo.store.kind_and_size(oid)[0] == COMMIT}
    if commits and not history.reachable(commits, history.commits_of(tips)):
        tips_only = history.commits_of(tips)
        raise not_ours(next(oid for oid in commits if not history.reachable([oid], tips_only)))
    others = [oid for oid in oids if oid not in commits]
    if not others:
        return
    closure = repo.closures.of(tips, tick)
    for oid in others:
        if oid not in closure:
            raise not_ours(oid)


def not_ours(oid: bytes) -> ProtocolError:
    return ProtocolError(f"upload-pack: not our ref {oid.hex()}")


def _known(found: Found, sent: set[bytes]) -> frozenset[bytes]:
    return frozenset(oid for oid in found.known if oid not in sent)
