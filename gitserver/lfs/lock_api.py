"""The locks of git-lfs: `locks`, `locks/verify`, `locks/{id}/unlock`.

The API: https://github.com/git-lfs/git-lfs/blob/main/docs/api/locking.md. Whoever may not write
hears nothing of locks: paths and names are in them (LFS-11). To who pushes to a pull request there
are none.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from aiohttp import web

from gitserver.access import Admission, Service
from gitserver.lfs.answers import LfsError, answer
from gitserver.lfs.desk import Desk, check_accept
from spaceport.authorize import Action
from spaceport.ledger import Tx, file_locks
from spaceport.ledger.file_locks import FileLock

MOST = 1_000
USUAL = 100
PATH_BYTES = 4096


async def create(desk: Desk, request: web.Request) -> web.Response:
    """201; 409 with the lock that is there."""
    check_accept(request)
    admitted = await _writer(desk, request)
    path = _path(_object(await desk.body(request)).get("path"))
    owner = admitted.actor_id
    if owner is None:
        raise LfsError(403, "Only an account can lock files.")
    lock, made = await _write(desk, lambda tx: file_locks.create(tx, admitted.key, path, owner))
    if not made:
        raise LfsError(409, f"{lock.owner} has locked this file.", more={"lock": _json(lock)})
    return answer({"lock": _json(lock)}, status=201)


async def listing(desk: Desk, request: web.Request) -> web.Response:
    """In pages: `path`, `id`, `cursor`, `limit`; a `refspec` changes nothing, as a lock is for the
    file in every branch."""
    check_accept(request)
    admitted = await _writer(desk, request)
    query = request.query
    limit = _limit(query.get("limit"))
    found = await _read(
        desk,
        lambda tx: file_locks.listed(
            tx,
            admitted.key,
            limit=limit + 1,
            path=query.get("path"),
            id=query.get("id"),
            after=query.get("cursor", ""),
        ),
    )
    shown = {"locks": [_json(lock) for lock in found[:limit]]}
    return answer(shown | _cursor(found, limit))


async def verify(desk: Desk, request: web.Request) -> web.Response:
    """`ours` and `theirs`: what a push looks at first, also one to a pull request."""
    check_accept(request)
    admitted = await desk.admit(request, Service.RECEIVE_PACK)
    body = _object(await desk.body(request))
    limit = _limit(body.get("limit"))
    after = body.get("cursor") or ""
    if not isinstance(after, str):
        raise LfsError(422, "cursor is a text.")
    found = await _read(
        desk, lambda tx: file_locks.listed(tx, admitted.key, limit=limit + 1, after=after)
    )
    shown: dict[str, Any] = {"ours": [], "theirs": []}
    if not admitted.reach.branches:
        return answer(shown)
    for lock in found[:limit]:
        shown["ours" if lock.owner_id == admitted.actor_id else "theirs"].append(_json(lock))
    return answer(shown | _cursor(found, limit))


async def unlock(desk: Desk, request: web.Request) -> web.Response:
    """One's own; somebody else's by `force`, which takes the right to administer the Space."""
    check_accept(request)
    admitted = await _writer(desk, request)
    force = _object(await desk.body(request)).get("force", False)
    if not isinstance(force, bool):
        raise LfsError(422, "force is true or false.")
    id = request.match_info["id"]
    found = await _read(desk, lambda tx: file_locks.listed(tx, admitted.key, limit=1, id=id))
    if not found:
        raise _no_lock()
    if found[0].owner_id != admitted.actor_id:
        if not force:
            raise LfsError(403, f"{found[0].owner} has locked this file. See git lfs unlock -f.")
        decision = await desk.on("db", desk.may, admitted, Action.ADMINISTER)
        if not decision.allowed:
            raise LfsError(403, decision.message)
    if not await _write(desk, lambda tx: file_locks.remove(tx, admitted.key, id)):
        raise _no_lock()
    return answer({"lock": _json(found[0])})


async def _writer(desk: Desk, request: web.Request) -> Admission:
    admitted = await desk.admit(request, Service.RECEIVE_PACK)
    if not admitted.reach.branches:
        raise LfsError(403, "Only who may write here can lock files.")
    return admitted


async def _read(desk: Desk, function: Callable[[Tx], list[FileLock]]) -> list[FileLock]:
    def work() -> list[FileLock]:
        with desk.ledger.read() as tx:
            return function(tx)

    return await desk.on("db", work)


async def _write(desk: Desk, function: Callable[[Tx], Any]) -> Any:
    def work() -> Any:
        with desk.ledger.write() as tx:
            return function(tx)

    return await desk.on("db", work)


def _no_lock() -> LfsError:
    return LfsError(404, "This repository has no such lock.")


def _object(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise LfsError(422, "Send a JSON object.")
    return found


def _path(path: Any) -> str:
    """Raises 422 for what is no path inside a repository."""
    plain = isinstance(path, str) and 0 < len(path.encode("utf-8", "replace")) <= PATH_BYTES
    if not plain or "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise LfsError(422, "path must name a file inside the repository.")
    return str(path)


def _limit(given: Any) -> int:
    if given in (None, "", 0, "0"):
        return USUAL
    if isinstance(given, bool) or not isinstance(given, int | str) or not str(given).isdecimal():
        raise LfsError(422, "limit must be a whole number.")
    return min(int(str(given)[:9]), MOST)


def _cursor(found: list[FileLock], limit: int) -> dict[str, str]:
    return {"next_cursor": found[limit - 1].id} if len(found) > limit else {}


def _json(lock: FileLock) -> dict[str, Any]:
    at = lock.locked_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"id": lock.id, "path": lock.path, "locked_at": at, "owner": {"name": lock.owner}}
