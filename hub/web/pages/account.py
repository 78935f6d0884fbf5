"""A person's own settings: access tokens, SSH keys, password."""

from __future__ import annotations

from aiohttp import web

from hub.web.cookies import set_session
from hub.web.visit import Visit
from spaceport.authorize import Action, Namespace, authorize
from spaceport.errors import Invalid, SpaceportError
from spaceport.ledger import Tx, accounts, keys, sessions, tokens
from spaceport.ledger.accounts import Account
from spaceport.passwords import hash_password, verify_password
from spaceport.roles import TokenRole, parse_role


async def page(visit: Visit) -> web.StreamResponse:
    """`GET /settings`."""
    return await _page(visit, _me(visit))


async def create_token(visit: Visit) -> web.StreamResponse:
    """`POST /settings/tokens`: the text is in this one answer, and nowhere else ever again.

    With `Accept: application/json`: `{"token": text}`.
    """
    me = _me(visit)
    fields = await visit.form()
    name = fields.get("name", "").strip() or "my token"
    try:
        role = parse_role(fields.get("role", ""), TokenRole)
        if role is TokenRole.FINE_GRAINED:
            raise Invalid("Fine-grained tokens are made with: spaceport token create")
        made, text = await visit.write(
            lambda tx: tokens.create(tx, me.id, name, role, actor_id=me.id)
        )
    except SpaceportError as error:
        if visit.wants_json:
            raise
        return await _page(visit, me, problem=str(error), at="tokens")
    if visit.wants_json:
        return web.json_response({"token": text})
    return await _page(visit, me, fresh=text, fresh_name=made.name, at="tokens")


async def revoke_token(visit: Visit) -> web.StreamResponse:
    """`POST /settings/tokens/revoke`."""
    me = _me(visit)
    token_id = (await visit.form()).get("id", "")
    await visit.write(lambda tx: tokens.revoke(tx, me.id, token_id, actor_id=me.id))
    return visit.go("/settings#tokens")


async def add_key(visit: Visit) -> web.StreamResponse:
    """`POST /settings/keys`."""
    me = _me(visit)
    fields = await visit.form()
    text, name = fields.get("key", ""), fields.get("name", "").strip()
    try:
        await visit.write(lambda tx: keys.add(tx, me.id, text, name=name, actor_id=me.id))
    except SpaceportError as error:
        return await _page(visit, me, problem=f"{error} {error.hint}".strip(), at="keys")
    return visit.go("/settings#keys")


async def remove_key(visit: Visit) -> web.StreamResponse:
    """`POST /settings/keys/remove`."""
    me = _me(visit)
    key_id = (await visit.form()).get("id", "")
    await visit.write(lambda tx: keys.remove(tx, me.id, key_id, actor_id=me.id))
    return visit.go("/settings#keys")


async def change_password(visit: Visit) -> web.StreamResponse:
    """`POST /settings/password`: ends every session, and begins a new one here."""
    me = _me(visit)
    fields = await visit.form()
    stored = await visit.read(lambda tx: accounts.password_hash(tx, me.id))
    verdict = await visit.on("hash", verify_password, fields.get("old", ""), stored)
    try:
        if stored is not None and not verdict.right:
            raise Invalid("The present password is not right.")
        if fields.get("password") != fields.get("again"):
            raise Invalid("The two new passwords differ.")
        hashed = await visit.on("hash", hash_password, fields.get("password", ""))
    except SpaceportError as error:
        return await _page(visit, me, problem=str(error), at="password")

    def change(tx: Tx) -> str:
        accounts.set_password(tx, me.id, hashed, actor_id=me.id)
        return sessions.begin(tx, me.id)[1]

    answer = visit.go("/settings#password")
    set_session(answer, await visit.write(change), secure=visit.context.secure)
    return answer


def _me(visit: Visit) -> Account:
    """The signed-in account. Raises `Denied`, which sends a visitor to sign in."""
    account = visit.actor.account
    resource = Namespace(account.id if account else "")
    authorize(visit.actor, Action.MANAGE_ACCOUNT, resource).require()
    if account is None:
        raise Invalid("Sign in first.")
    return account


async def _page(
    visit: Visit,
    me: Account,
    *,
    problem: str = "",
    at: str = "",
    fresh: str = "",
    fresh_name: str = "",
) -> web.StreamResponse:
    mine, ssh = await visit.read(
        lambda tx: (tokens.of_account(tx, me.id), keys.of_account(tx, me.id))
    )
    return visit.page(
        "account.html",
        status=400 if problem else 200,
        tokens=mine,
        keys=ssh,
        problem=problem,
        at=at,
        fresh=fresh,
        fresh_name=fresh_name,
    )
