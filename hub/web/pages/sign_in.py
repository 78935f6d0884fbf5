"""Signing in by password, signing up by a one-time link, signing out."""

from __future__ import annotations

from aiohttp import web

from hub.web.cookies import drop_session, read_session, set_session
from hub.web.security import safe_next
from hub.web.visit import Visit
from spaceport.errors import Invalid, NotFound, SpaceportError
from spaceport.ledger import Tx, accounts, invitations, sessions
from spaceport.ledger.accounts import Account, AccountKind
from spaceport.ledger.invitations import Invitation, Purpose
from spaceport.passwords import hash_password, verify_password

_WRONG = "The name or the password is not right."
_OVER = "This link has been used already, or it is older than a week."
_ASK = "Ask whoever sent it for a new one. Administrators make one with: spaceport user link NAME"


async def form(visit: Visit) -> web.StreamResponse:
    """`GET /login`."""
    target = safe_next(visit.query.get("next"))
    if not visit.actor.anonymous:
        return visit.go(target)
    return visit.page("sign_in.html", target=target, name="", problem="")


async def sign_in(visit: Visit) -> web.StreamResponse:
    """`POST /login`. The same work and the same words for a wrong name and a wrong password."""
    fields = await visit.form()
    name, password = fields.get("name", "").strip(), fields.get("password", "")
    target = safe_next(fields.get("next"))

    def look(tx: Tx) -> tuple[Account | None, str | None]:
        found = accounts.by_name(tx, name)
        return found, None if found is None else accounts.password_hash(tx, found.id)

    account, stored = await visit.read(look)
    verdict = await visit.on("hash", verify_password, password, stored)
    if not verdict.right or account is None or account.suspended:
        return visit.page("sign_in.html", status=403, target=target, name=name, problem=_WRONG)
    if verdict.stale and stored is not None:
        known, old = account, stored
        fresh = await visit.on("hash", hash_password, password)
        await visit.write(lambda tx: accounts.renew_hash(tx, known.id, old, fresh))
    return await _begin(visit, account, target)


async def sign_out(visit: Visit) -> web.StreamResponse:
    """`POST /logout`."""
    cookie = read_session(visit.request, secure=visit.context.secure)
    if cookie:
        await visit.write(lambda tx: sessions.end(tx, cookie))
    answer = visit.go("/")
    drop_session(answer, secure=visit.context.secure)
    return answer


async def join_form(visit: Visit) -> web.StreamResponse:
    """`GET /join/{text}`: looking at a link does not use it up."""
    invitation, account = await _invitation(visit)
    return _join_page(visit, invitation, account)


async def join(visit: Visit) -> web.StreamResponse:
    """`POST /join/{text}`: exactly one sets name and password, and is signed in."""
    invitation, account = await _invitation(visit)
    fields = await visit.form()
    name = account.name if account is not None else fields.get("name", "").strip()
    try:
        if fields.get("password") != fields.get("again"):
            raise Invalid("The two passwords differ.")
        hashed = await visit.on("hash", hash_password, fields.get("password", ""))
        made = await visit.write(lambda tx: _accept(tx, visit.word("text"), name, hashed))
    except NotFound:
        raise
    except SpaceportError as error:
        return _join_page(visit, invitation, account, name=name, problem=str(error), status=400)
    return await _begin(visit, made, "/")


def _accept(tx: Tx, text: str, name: str, hashed: str) -> Account:
    """Use the link and do what it is for, in one transaction: a bad name leaves the link usable."""
    taken = invitations.take(tx, text)
    if taken is None:
        raise NotFound(_OVER, hint=_ASK)
    if taken.account_id is not None:
        accounts.set_password(tx, taken.account_id, hashed, actor_id=taken.account_id)
        return accounts.get(tx, taken.account_id)
    admin = taken.purpose is Purpose.ADMIN
    if admin:
        invitations.withdraw(tx, Purpose.ADMIN)
    return accounts.create_user(tx, name, password_hash=hashed, is_admin=admin)


async def _invitation(visit: Visit) -> tuple[Invitation, Account | None]:
    def look(tx: Tx) -> tuple[Invitation | None, Account | None]:
        found = invitations.peek(tx, visit.word("text"))
        known = found is not None and found.account_id is not None
        return found, accounts.get(tx, str(found.account_id)) if found and known else None

    invitation, account = await visit.read(look)
    if invitation is None:
        raise NotFound(_OVER, hint=_ASK)
    return invitation, account


def _join_page(
    visit: Visit,
    invitation: Invitation,
    account: Account | None,
    *,
    name: str = "",
    problem: str = "",
    status: int = 200,
) -> web.Response:
    return visit.page(
        "join.html",
        status=status,
        admin=invitation.purpose is Purpose.ADMIN,
        account=account,
        name=name,
        problem=problem,
        text=visit.word("text"),
    )


async def _begin(visit: Visit, account: Account, target: str) -> web.StreamResponse:
    """A new session with every sign-in, so that a cookie planted before is worth nothing."""
    if account.kind is not AccountKind.USER:
        raise Invalid(_WRONG)
    old = read_session(visit.request, secure=visit.context.secure)

    def begin(tx: Tx) -> str:
        if old:
            sessions.end(tx, old)
        return sessions.begin(tx, account.id)[1]

    answer = visit.go(target)
    set_session(answer, await visit.write(begin), secure=visit.context.secure)
    return answer
