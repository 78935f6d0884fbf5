"""What somebody owns and how much room it takes, as `hf repos ls` asks (`list_user_repos`)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from hub.api.call import Call, answer
from hub.api.errors import ApiError
from hub.api.wire import stamp
from hub.used_storage import used_storage
from spaceport.authorize import REPO_NOT_FOUND, readable
from spaceport.ledger import accounts, spaces
from spaceport.ledger.accounts import AccountKind


async def own(call: Call) -> web.StreamResponse:
    """`GET /api/settings/repositories`."""
    if call.actor.account is None:
        raise ApiError(401, "Sign in to do this", REPO_NOT_FOUND)
    return answer(await call.git(_owned, call, call.actor.account.name))


async def of_organization(call: Call) -> web.StreamResponse:
    """`GET /api/organizations/{account}/settings/repositories`: those that the caller may read."""
    name = call.part("account")
    found = await call.read(lambda tx: accounts.by_name(tx, name))
    if found is None or found.kind is not AccountKind.ORG or found.id not in call.actor.roles:
        raise ApiError(404, f"There is no organization called {name[:100]!r} of which you are one")
    return answer(await call.git(_owned, call, found.name))


def _owned(call: Call, author: str) -> list[dict[str, Any]]:
    """The newest first; sizes as the page of each Space tells them. Blocks."""

    with call.context.ledger.read() as tx:
        listed = spaces.search(tx, author=author, readable=readable(call.actor))
    sizes = [used_storage(call.context, space) for space in listed]
    total = sum(sizes) or 1
    return [
        {
            "id": str(space.id),
            "type": "space",
            "updatedAt": stamp(space.updated_at),
            "visibility": space.visibility.value,
            "storage": size,
            "storagePercent": round(100 * size / total, 2),
        }
        for space, size in zip(listed, sizes, strict=True)
    ]
