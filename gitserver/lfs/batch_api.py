"""`POST objects/batch`: where to send and fetch objects, each address signed for itself."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from gitserver.access import Admission, Service
from gitserver.lfs.answers import answer
from gitserver.lfs.batch import (
    HASH,
    Asked,
    Batch,
    Decided,
    chunk_bytes,
    decide,
    in_parts,
    part_count,
    read_batch,
    without_room,
)
from gitserver.lfs.desk import Desk, check_accept, stale
from gitserver.lfs.passes import Holder, Pass, Purpose
from spaceport.ledger import large
from spaceport.ledger.columns import now


async def batch(desk: Desk, request: web.Request) -> web.Response:
    """Reading is asked of everybody, contributing of who uploads, since what goes up may become a
    pull request; what the body says decides only which of the two (LFS-01)."""
    check_accept(request)
    admitted = await _admit(desk, request)
    found = read_batch(await desk.body(request), desk.settings)
    if found.operation == "upload":
        admitted = await desk.admit(request, Service.LARGE_FILES)
    else:
        admitted = admitted or await desk.admit(request, Service.UPLOAD_PACK)
    base = f"{desk.origin_of(request)}/spaces/{admitted.label}.git/info/lfs/objects"
    return answer(await desk.on("large", _answer, desk, admitted, found, base))


async def _admit(desk: Desk, request: web.Request) -> Admission | None:
    """Before the body is looked at; who shows a pass for uploads has no other right to show."""
    given = desk.shown_pass(request)
    if given is None:
        return await desk.admit(request, Service.UPLOAD_PACK)
    if given.purpose not in (Purpose.SSH_DOWNLOAD, Purpose.SSH_UPLOAD):
        raise stale()
    return None


def _answer(desk: Desk, admitted: Admission, found: Batch, base: str) -> dict[str, Any]:
    """Blocks."""
    until = now() + timedelta(seconds=desk.settings.href_seconds)
    wanted = [asked.oid for asked in found.objects if asked.wrong is None]
    held = desk.large.held(admitted.key, wanted)
    if found.operation == "upload":  # what was lost is asked for again
        size = desk.large.store.size
        held = {oid: known for oid, known in held.items() if size(oid) == known.size}
    decided = decide(found, held)
    if found.operation == "upload":
        decided = _with_room(desk, admitted, decided, until)
    writer = _Writer(desk, admitted, base, until, parts=in_parts(found, desk.settings))
    return {
        "transfer": "multipart" if writer.parts else "basic",
        "objects": [writer.one(each, found.operation) for each in decided],
        "hash_algo": HASH,
    }


def _with_room(
    desk: Desk, admitted: Admission, decided: list[Decided], until: datetime
) -> list[Decided]:
    with desk.ledger.read() as tx:
        quota = desk.large.quota(tx, admitted.key, admitted.actor_id)
    if quota.unlimited:
        return decided
    sizes = [(each.asked.oid, each.asked.size) for each in decided if each.outcome == "send"]
    with desk.ledger.write() as tx:
        full = large.promise(tx, admitted.key, sizes, quota, until)
    return without_room(decided, full)


class _Writer:
    """Writes objects of an answer."""

    def __init__(
        self, desk: Desk, admitted: Admission, base: str, until: datetime, *, parts: bool
    ) -> None:
        self._desk = desk
        self._space = admitted.key
        self._holder = Holder.of(admitted.actor)
        self._base = base
        self._until = until
        self.parts = parts

    def one(self, each: Decided, operation: str) -> dict[str, Any]:
        asked = each.asked
        shown: dict[str, Any] = {"oid": asked.oid, "size": asked.size}
        if each.error is not None:
            return shown | {"error": {"code": each.error[0], "message": each.error[1]}}
        if operation == "download":
            action = self._action(asked, Purpose.DOWNLOAD)
            return shown | {"authenticated": True, "actions": {"download": action}}
        if each.outcome == "there":
            return shown
        upload = self._in_parts(asked) if self.parts else self._action(asked, Purpose.UPLOAD)
        actions = {"upload": upload, "verify": self._action(asked, Purpose.VERIFY, "/verify")}
        return shown | {"authenticated": True, "actions": actions}

    def _action(self, asked: Asked, purpose: Purpose, path: str = "") -> dict[str, Any]:
        given = Pass(purpose, self._space, self._holder, asked.oid, asked.size)
        return self._to(given, path)

    def _in_parts(self, asked: Asked) -> dict[str, Any]:
        """Numbers are zero-padded: git-lfs sorts them as text, and agents take that order."""
        chunk = chunk_bytes(asked.size, self._desk.settings)
        given = Pass(
            Purpose.COMPLETE,
            self._space,
            self._holder,
            asked.oid,
            asked.size,
            upload=secrets.token_hex(16),
            chunk=chunk,
        )
        header = {"chunk_size": str(chunk)}
        for number in range(1, part_count(asked.size, chunk) + 1):
            part = Pass(
                Purpose.PART,
                given.space,
                given.holder,
                given.oid,
                given.size,
                given.upload,
                number,
                chunk,
            )
            header[f"{number:05}"] = self._to(part, f"/parts/{number}")["href"]
        return self._to(given, "/complete") | {"header": header}

    def _to(self, given: Pass, path: str) -> dict[str, Any]:
        text = self._desk.passes.sign(given, self._until)
        return {
            "href": f"{self._base}/{given.oid}{path}?pass={text}",
            "expires_in": self._desk.settings.href_seconds,
        }
