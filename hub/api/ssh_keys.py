"""A person's SSH public keys: `/api/settings/ssh-keys` (11.6, SSH-12).

For signed-in sessions: a token that leaks must not leave a key behind that opens as much as itself.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from hub.api.body import OwnBody
from hub.api.call import Call, answer
from hub.api.errors import ApiError
from hub.api.wire import stamp
from spaceport.authorize import Action, Namespace, authorize
from spaceport.errors import NotFound
from spaceport.ledger import keys
from spaceport.ledger.accounts import Account
from spaceport.ledger.keys import SshKey


class NewKey(OwnBody):
    """`key` is one line of a `.pub` file."""

    key: str
    name: str = ""


async def listing(call: Call) -> web.StreamResponse:
    """`GET`: every key, oldest first."""
    me = _me(call)
    return answer([_shown(key) for key in await call.read(lambda tx: keys.of_account(tx, me.id))])


async def add(call: Call) -> web.StreamResponse:
    """`POST`: 400 for what is no key, 409 for one that opens an account already."""
    me = _me(call)
    wanted = await call.body(NewKey)
    name = wanted.name.strip()
    added = await call.write(lambda tx: keys.add(tx, me.id, wanted.key, name=name, actor_id=me.id))
    return answer(_shown(added), status=201)


async def remove(call: Call) -> web.StreamResponse:
    """`DELETE .../{id}`: connections that the key has opened end within a minute."""
    me = _me(call)
    key_id = call.request.match_info["id"]
    if not await call.write(lambda tx: keys.remove(tx, me.id, key_id, actor_id=me.id)):
        raise NotFound("You have no such key.")
    return answer({})


def _me(call: Call) -> Account:
    account = call.actor.account
    resource = Namespace(account.id if account else "")
    authorize(call.actor, Action.MANAGE_ACCOUNT, resource).require()
    if account is None:
        raise ApiError(401, "Sign in first")
    return account


def _shown(key: SshKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "key": key.public_key,
        "fingerprint": key.fingerprint,
        "createdAt": stamp(key.created_at),
        "lastUsedAt": stamp(key.last_used_at) if key.last_used_at else None,
    }
