"""From objects in quarantine to a report: examine, ask the hooks, store, announce.

The same for a push by git and for a commit made here (API-14 to API-16). Once begun it runs to its
end, also when the client has gone: what is stored is announced.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gitserver.access import Admission
from gitserver.objects.store import Objects
from gitserver.receive.child import join_packs, make_job
from gitserver.receive.closure import describe_tip
from gitserver.receive.examiner import Examiner
from gitserver.receive.hooks import Progress, PushHooks
from gitserver.receive.job import Result
from gitserver.receive.places import Places, Reasons, Storing
from gitserver.receive.quarantine import Quarantine
from gitserver.receive.report import Report, refuse_all, unpack_failed
from gitserver.receive.request import PushRequest
from gitserver.receive.rules import ReceiveRules
from gitserver.receive.store import count_packs, size_on_disk
from gitserver.receive.verdict import (
    all_or_none,
    refuse_by_hooks,
    refuse_kinds,
    refuse_names,
    refuse_objects,
    refuse_reach,
)
from spaceport.errors import SpaceportError
from spaceport.names import SpaceKey
from spaceport.pools import Pools
from spaceport.push import WRITER, Push, Reach, Rejection

_log = logging.getLogger(__name__)
_DISK_FULL = "the server's disk is full"
_ANNOUNCE_SECONDS = 30.0


@dataclass(frozen=True)
class Pusher:
    """Who pushes, as the door that let them in knows it."""

    actor_id: str | None = None
    address: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)
    reach: Reach = WRITER

    @classmethod
    def of(cls, admitted: Admission, address: str) -> Pusher:
        """Whoever was admitted to push."""
        return cls(admitted.actor_id, address, admitted.detail, admitted.reach)


class Concluder:
    """Carries pushes from quarantine to their end."""

    def __init__(self, places: Places, hooks: PushHooks, pools: Pools) -> None:
        self._places = places
        self._settings = places.settings
        self._hooks = hooks
        self._pools = pools
        self._examiner = Examiner(self._settings.check.children)
        self._joining: dict[SpaceKey, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """End what runs beside the pushes; it is safe to stop anywhere."""
        for task in list(self._joining.values()):
            task.cancel()
        await asyncio.gather(*self._joining.values(), return_exceptions=True)
        await self._examiner.close()

    async def conclude(
        self,
        key: SpaceKey,
        pusher: Pusher,
        request: PushRequest,
        quarantine: Quarantine,
        say: Progress,
    ) -> Report:
        """The fate of the push; the quarantine is gone afterwards."""
        try:
            return await self._conclude(key, pusher, request, quarantine, say)
        except SpaceportError as error:
            return refuse_all(request.updates, str(error), *filter(None, [error.hint]))
        except OSError as error:
            return _out_of_order(request, error)
        finally:
            await self._pools.run("git", quarantine.discard)

    async def _conclude(
        self,
        key: SpaceKey,
        pusher: Pusher,
        request: PushRequest,
        quarantine: Quarantine,
        say: Progress,
    ) -> Report:
        rules = await self._pools.run("git", self._places.rules, key)
        result = await self._examine(key, request, quarantine, rules)
        if result.error:
            reason = _DISK_FULL if result.no_space else result.error
            return unpack_failed(request.updates, reason)
        refusal = refuse_objects(result, request.shallow)
        if refusal is not None:
            return refuse_all(request.updates, refusal.reason, *refusal.messages)
        if result.warnings:
            say("\n".join(f"warning: {text}" for text in result.warnings))
        reasons = refuse_names(request.updates, self._settings, rules)
        reasons.update(refuse_kinds(request.updates, result.tips, rules))
        push = _push(key, pusher, request, reasons)
        rejections = await self._ask(push, quarantine, say)
        reasons.update(refuse_by_hooks(rejections))
        beyond = refuse_reach(request.updates, rules, pusher.reach)
        reasons = {**beyond, **reasons}  # the hooks may have said it better
        atomic = request.can("atomic")
        if atomic:
            reasons = all_or_none(request.updates, reasons)
        storing = Storing(request, reasons, quarantine, result.name, push, say)
        reasons = await self._pools.run("git", self._store, key, storing)
        lines = await self._announce(_push(key, pusher, request, reasons))
        await self._tidy(key)
        messages = [rejection.message for rejection in rejections if rejection.message]
        refs = {update.ref: reasons.get(update.ref, "") for update in request.updates}
        return Report(refs=refs, messages=(*dict.fromkeys(messages), *lines))

    async def _examine(
        self, key: SpaceKey, request: PushRequest, quarantine: Quarantine, rules: ReceiveRules
    ) -> Result:
        objects = await self._pools.run("git", self._places.objects, key)
        if not await self._pools.run("git", _has_objects, quarantine):
            return await self._pools.run("git", _describe_tips, objects, request)
        job = make_job(quarantine, objects, request.tips, self._settings, rules.fsck)
        return await self._examiner.examine(job, quarantine.mark, self._settings.check.wall)

    async def _ask(self, push: Push, quarantine: Quarantine, say: Progress) -> list[Rejection]:
        """The hooks' rejections; one that fails or hangs refuses everything (fail closed)."""
        if not push.updates:
            return []
        try:
            async with asyncio.timeout(self._settings.check.wall):
                return await self._pools.run("git", self._check, push, quarantine, say)
        except SpaceportError as error:
            text = "\n".join(filter(None, (str(error), error.hint)))
            return [Rejection(update.ref, str(error), text) for update in push.updates]
        except Exception:
            _log.exception("a check of a push to %s failed", push.space)
            reason = "the server could not check this push"
            return [Rejection(update.ref, reason, "Try again later.") for update in push.updates]

    def _check(self, push: Push, quarantine: Quarantine, say: Progress) -> list[Rejection]:
        push.detail["pack_bytes"] = str(size_on_disk(quarantine.folder))
        with Objects(quarantine.folder, *self._places.objects(push.space)) as readable:
            return self._hooks.check(push, readable, say)

    def _store(self, key: SpaceKey, storing: Storing) -> Reasons:
        return self._places.store(key, storing) if storing.open_updates else storing.refused

    async def _tidy(self, key: SpaceKey) -> None:
        """Have the packs joined, off the path of the push, once there are many (GIT-36)."""
        if not await self._pools.run("git", self._due, key) or key in self._joining:
            return
        (objects, *_) = await self._pools.run("git", self._places.objects, key)
        task = asyncio.ensure_future(self._join(key, objects))
        self._joining[key] = task
        task.add_done_callback(lambda _: self._joining.pop(key, None))

    def _due(self, key: SpaceKey) -> bool:
        most = self._places.join_packs_at(key)
        return most > 0 and count_packs(self._places.objects(key)[0]) >= most

    async def _join(self, key: SpaceKey, objects: Path) -> None:
        try:
            incoming, name = self._places.scratch(key)
            await join_packs(objects, incoming, name, self._settings)
        except (OSError, TimeoutError) as error:
            _log.warning("joining packs of %s failed: %s", key, error)

    async def _announce(self, push: Push) -> list[str]:
        if not push.updates:
            return []
        try:
            async with asyncio.timeout(_ANNOUNCE_SECONDS):
                return await self._pools.run("git", self._hooks.announce, push)
        except Exception:
            _log.exception("announcing a push to %s failed", push.space)
            return []


def _push(key: SpaceKey, pusher: Pusher, request: PushRequest, reasons: Reasons) -> Push:
    """What is still to be stored, or was stored. What stays where it is was only compared."""
    return Push(
        space=key,
        actor_id=pusher.actor_id,
        updates=tuple(
            update
            for update in request.updates
            if update.ref not in reasons and update.old != update.new
        ),
        options=request.options,
        at=datetime.now(UTC),
        address=pusher.address,
        detail=dict(pusher.detail),
        reach=pusher.reach,
    )


def _has_objects(quarantine: Quarantine) -> bool:
    try:
        with quarantine.pack.open("rb") as pack:
            head = pack.read(12)
    except FileNotFoundError:
        return False
    return head != b"PACK\0\0\0\2\0\0\0\0"


def _describe_tips(folders: tuple[Path, ...], request: PushRequest) -> Result:
    """For a push without objects: its tips must be here already."""
    with Objects(*folders) as objects:
        return Result(tips=tuple(describe_tip(objects, oid) for oid in request.tips))


def _out_of_order(request: PushRequest, error: OSError) -> Report:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return unpack_failed(request.updates, _DISK_FULL, "Nothing was stored. Try again later.")
    _log.error("storing a push failed: %s", error)
    return unpack_failed(request.updates, f"the server could not store the push ({error.strerror})")
