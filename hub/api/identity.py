"""Who am I, and may I: `GET /api/whoami-v2`, `.../auth-check` (hub-api 2.1, 2.2)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from hub.api.call import Call, answer
from hub.api.errors import ApiError
from hub.api.wire import stamp
from spaceport.identify import INVALID
from spaceport.ledger import Tx, memberships
from spaceport.ledger.accounts import Account
from spaceport.roles import OrgRole


async def whoami(call: Call) -> web.StreamResponse:
    """The account, its organisations, and what its token may do."""
    account = call.actor.account
    if account is None:
        headers = {"WWW-Authenticate": 'Bearer realm="Spaceport"'}
        raise ApiError(401, INVALID, headers=headers)
    orgs = await call.read(lambda tx: _orgs(tx, call.origin, account))
    return answer(
        {
            **_named(call.origin, account, "user"),
            "email": account.email,
            "emailVerified": False,
            "isPro": False,
            "canPay": False,
            "periodEnd": None,
            "orgs": orgs,
            "auth": _auth(call),
        }
    )


async def allowed(call: Call) -> web.StreamResponse:
    """The gate before it has answered the question already (hub-api 2.2)."""
    return answer({"allowed": True})


def _auth(call: Call) -> dict[str, Any]:
    token = call.actor.token
    if token is None:
        # A session may do what its account may; clients only know tokens, and ask for the role.
        return {"type": "session", "accessToken": {"displayName": "session", "role": "write"}}
    shown: dict[str, Any] = {
        "displayName": token.name,
        "role": "fineGrained" if token.role.value == "fine-grained" else token.role.value,
        "createdAt": stamp(token.created_at),
    }
    return {"type": "access_token", "accessToken": shown}


def _orgs(tx: Tx, origin: str, account: Account) -> list[dict[str, Any]]:
    return [
        {**_named(origin, org, "org"), "isEnterprise": False, "roleInOrg": role.value}
        for org, role in memberships.orgs_of(tx, account.id)
        if role is not OrgRole.NO_ACCESS
    ]


def _named(origin: str, account: Account, kind: str) -> dict[str, Any]:
    return {
        "type": kind,
        "id": account.id,
        "name": account.name,
        "fullname": account.display_name,
        "avatarUrl": f"{origin}/avatars/{account.name}.svg",
    }
