"""Users and organisations as anybody may see them (hub-api 2.3)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from hub.api.call import Call, answer
from hub.api.errors import ApiError
from spaceport.authorize import readable
from spaceport.ledger import Tx, accounts, discussions, spaces
from spaceport.ledger.accounts import Account, AccountKind


async def user(call: Call) -> web.StreamResponse:
    account, count = await _account(call, AccountKind.USER)
    shown = _shown(call, account, count, "user")
    shown["numDiscussions"] = await call.read(lambda tx: discussions.opened_by(tx, account.id))
    return answer({"user": account.name, "isPro": False, **shown})


async def organization(call: Call) -> web.StreamResponse:
    account, count = await _account(call, AccountKind.ORG)
    return answer({"name": account.name, **_shown(call, account, count, "org")})


async def _account(call: Call, kind: AccountKind) -> tuple[Account, int]:
    """It, and how many of its Spaces the caller may see. Raises 404."""
    name = call.part("account")

    def find(tx: Tx) -> tuple[Account, int] | None:
        found = accounts.by_name(tx, name)
        if found is None or found.kind is not kind:
            return None
        listed = spaces.search(tx, author=found.name, readable=readable(call.actor))
        return found, len(listed)

    found = await call.read(find)
    if found is None:
        what = "user" if kind is AccountKind.USER else "organization"
        raise ApiError(404, f"There is no {what} called {name[:100]!r}")
    return found


def _shown(call: Call, account: Account, count: int, kind: str) -> dict[str, Any]:
    return {
        "_id": account.id,
        "type": kind,
        "fullname": account.display_name,
        "avatarUrl": f"{call.origin}/avatars/{account.name}.svg",
        "numModels": 0,
        "numDatasets": 0,
        "numSpaces": count,
        "numDiscussions": 0,
        "numPapers": 0,
        "numUpvotes": 0,
        "numLikes": 0,
        "numFollowing": 0,
        "numFollowers": 0,
        "orgs": [],
    }
