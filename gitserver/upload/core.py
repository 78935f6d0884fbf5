"""What both protocol versions share: refs, jobs, workers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitserver.upload.advert import VisibleRefs
from gitserver.upload.answers import Event
from gitserver.upload.catalog import Catalog, cache_name
from gitserver.upload.making import Making, Stale
from gitserver.upload.policy import RefPolicy
from gitserver.upload.request import FetchRequest, ProtocolError
from gitserver.upload.rules import UploadRules
from gitserver.upload.workers import WorkerLost, WorkerPool
from spaceport.pools import Pools

_ATTEMPTS = 3


@dataclass(frozen=True)
class Reading:
    """One repository, read under certain rules."""

    repo: Path
    rules: UploadRules
    cache: Path


class Core:
    """Gives jobs to the workers and lets equal requests share one answer."""

    def __init__(self, cache: Path, pools: Pools, workers: WorkerPool, cache_bytes: int) -> None:
        self.pools = pools
        self.workers = workers
        self.catalog = Catalog(pools)
        self._cache = cache
        self._cache_bytes = cache_bytes
        self._shared: dict[tuple[str, int], Making] = {}

    def reading(self, repo: Path, rules: UploadRules) -> Reading:
        return Reading(repo, rules, self._cache / cache_name(repo))

    async def events(
        self, job: dict[str, Any], serial: int, *, heavy: bool
    ) -> AsyncIterator[tuple[Making, Event]]:
        """The events of a job, which others that ask for the same share. A job whose worker,
        finished answer or packs went away is done once more, if nothing was handed out yet."""
        begun = False
        for attempt in range(1, _ATTEMPTS + 1):
            making = self._join(job, serial, heavy=heavy)
            try:
                async with aclosing(closable(making.events())) as events:
                    async for event in events:
                        if event["e"] == "failed" and not begun and attempt < _ATTEMPTS:
                            raise Stale(event["text"])  # packs may have been replaced meanwhile
                        check(event)
                        if event["e"] in ("bytes", "range", "part"):
                            begun = True
                        yield making, event
                return
            except (WorkerLost, Stale):
                if begun or attempt == _ATTEMPTS:
                    raise
                job = job | {"again": True}
            finally:
                self._shared = {
                    key: other for key, other in self._shared.items() if not other.closed
                }

    def _join(self, job: dict[str, Any], serial: int, *, heavy: bool) -> Making:
        if not job["checked"]:
            return Making(self.workers, job, heavy=heavy)
        key = (repr(sorted(job.items())), serial)
        making = self._shared.get(key)
        if making is None or making.closed:
            making = self._shared[key] = Making(self.workers, job, heavy=heavy)
        return making

    def fetch_job(
        self, reading: Reading, visible: VisibleRefs, request: FetchRequest, mode: str, *, v2: bool
    ) -> dict[str, Any]:
        wants = list(dict.fromkeys(request.wants))
        rules = reading.rules
        return self.job(reading, "fetch") | {
            "checked": visible.tips.issuperset(wants),
            "want_rule": (rules.wants_v2 or rules.wants if v2 else rules.wants).value,
            "wants": wants,
            "haves": list(dict.fromkeys(request.haves)),
            "shallow": list(dict.fromkeys(request.shallow)),
            "depth": request.depth,
            "since": request.since,
            "deepen_not": [_deepen_not(visible, name) for name in request.deepen_not],
            "relative": request.relative,
            "filter": request.filter,
            "thin": request.thin,
            "ofs_delta": request.ofs_delta,
            "include_tag": request.include_tag,
            "pack": mode,
            "v2": v2,
        }

    def job(self, reading: Reading, kind: str) -> dict[str, Any]:
        policy: RefPolicy = reading.rules.refs
        return {
            "kind": kind,
            "repo": str(reading.repo),
            "cache": str(reading.cache),
            "cache_bytes": self._cache_bytes,
            "shown": list(policy.shown),
            "hidden": list(policy.hidden),
            "head_always": policy.head_always,
            "hidden_wants": reading.rules.hidden_wants,
            "want_rule": (reading.rules.wants_v2 or reading.rules.wants).value,
        }


def check(event: Event) -> None:
    """Raises `ProtocolError` for an event that says that there will be no answer."""
    if event["e"] == "refused":
        raise ProtocolError(event["text"])
    if event["e"] in ("failed", "cancelled"):
        raise ProtocolError(f"upload-pack: {event.get('text', 'cancelled')}")


def _deepen_not(visible: VisibleRefs, name: str) -> str:
    """The id of the ref that `name` is short for."""
    tried = (name, f"refs/{name}", f"refs/tags/{name}", f"refs/heads/{name}")
    found = {oid for oid in map(visible.value, tried) if oid is not None}
    if len(found) != 1:
        raise ProtocolError(f"upload-pack: ambiguous deepen-not: {name}")
    return found.pop()


def closable(iterator: AsyncIterator[Any]) -> Any:
    """Every asynchronous generator can be closed; its type does not say so."""
    return iterator
