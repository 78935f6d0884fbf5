"""Reading Spaces: one, a list, where its app is, hardware (hub-api 4, 9)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gitserver.content import Kind, TreeEntry
from hub.api.call import Call, answer
from hub.api.errors import ApiError, revision_not_found
from hub.api.expand import check_expand
from hub.api.large import lfs_json
from hub.api.storage import seen_runtime
from hub.api.wire import flavor_json, linked, origin_json, space_json
from hub.hardware import offered
from hub.origin_shown import origin_of
from hub.used_storage import used_storage
from spaceport.authorize import HIDDEN, SIGN_IN, Action, Denied, SpaceResource, authorize
from spaceport.errors import NotFound
from spaceport.ledger import moves
from spaceport.ledger.columns import now
from spaceport.ledger.spaces import Space


async def info(call: Call) -> web.StreamResponse:
    """One Space at its head, or at the revision of the path."""
    wanted = check_expand(call.request.query.getall("expand", []))
    blobs = call.flag("blobs")
    if wanted and blobs:
        raise ApiError(400, '"expand" and "blobs" exclude each other')
    revision = await _revision(call)
    shown = await full_json(call, call.space, revision, blobs=blobs, only=wanted)
    return answer(shown)


async def full_json(
    call: Call,
    space: Space,
    revision: str | None,
    *,
    blobs: bool = False,
    only: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """All of a Space; with `only`, those keys and the id."""

    def wants(key: str) -> bool:
        return not only or key in only

    shown = {**space_json(call.context, space), **linked(space), "sha": revision}
    shown["cardData"] = dict(space.card or {})
    shown["host"] = call.context.app_url(space)
    shown["resourceGroup"] = None
    shown["region"] = None
    shown["discussionsDisabled"] = not space.discussions
    if wants("originSpace"):
        origin = await call.read(lambda tx: origin_of(tx, call.actor, space))
        if origin is not None:
            shown["originSpace"] = origin_json(origin)
    if wants("runtime"):
        shown["runtime"] = await call.read(lambda tx: seen_runtime(tx, call, space.key))
    if wants("usedStorage"):
        shown["usedStorage"] = await call.git(used_storage, call.context, space)
    if revision is not None and wants("siblings"):
        tree = await call.git(call.context.content.tree, space.key, revision, "", True)
        files = [entry for entry in tree if entry.kind is not Kind.DIRECTORY]
        shown["siblings"] = await call.git(_siblings, call, space, revision, files, blobs)
    else:
        shown["siblings"] = []
    return shown if not only else {key: shown[key] for key in ("id", *sorted(only)) if key in shown}


def _siblings(
    call: Call, space: Space, revision: str, files: list[TreeEntry], blobs: bool
) -> list[dict[str, Any]]:
    if not blobs:
        return [{"rfilename": entry.path} for entry in files]
    found = []
    for entry in files:
        shown: dict[str, Any] = {"rfilename": entry.path, "blobId": entry.oid, "size": entry.size}
        kept = lfs_json(call.context.content, space.key, revision, entry)
        if kept is not None:
            shown |= {"lfs": kept, "size": kept["size"]}
        found.append(shown)
    return found


async def _revision(call: Call) -> str | None:
    if "rev" not in call.request.match_info:
        return call.space.head
    try:
        return await call.git(call.context.content.resolve, call.space.key, call.part("rev"))
    except NotFound:
        raise revision_not_found(call.part("rev")) from None


async def host(call: Call) -> web.StreamResponse:
    """Where the app is (hub-api 9; for `gr.load` and browsers)."""
    return answer({"subdomain": call.space.host_label, "host": call.context.app_url(call.space)})


async def by_subdomain(call: Call) -> web.StreamResponse:
    """The Space behind a host label, or a former one; absent and hidden look the same."""
    label = call.part("label").lower()
    space = await call.read(lambda tx: moves.find_by_label(tx, label))
    resource = None if space is None else SpaceResource.of(space)
    decision = authorize(call.actor, Action.USE_APP, resource)
    if space is None or not decision.allowed:
        raise Denied(SIGN_IN if call.actor.anonymous else HIDDEN)
    return answer(
        {
            "id": str(space.id),
            "subdomain": space.host_label,
            "host": call.context.app_url(space),
        }
    )


async def ticket(call: Call) -> web.StreamResponse:
    """A ticket that opens the app of a private Space for this account (13.5.4)."""
    if call.actor.anonymous:
        raise ApiError(401, "Sign in to get a ticket")
    return answer({"token": call.context.tickets.mint(call.actor, call.space.key, now())})


async def hardware(call: Call) -> web.StreamResponse:
    return answer([flavor_json(flavor) for flavor in offered(call.context)])


async def templates(call: Call) -> web.StreamResponse:
    """There are none yet: every Space begins with the files of its SDK."""
    return answer({"templates": []})
