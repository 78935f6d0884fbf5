"""Credentials to actors, in one place for git, API, proxy door and web (API-05 to -08, GIT-28).

A credential that is shown but wrong is an error, never a fall-back to another one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from spaceport.actor import ANONYMOUS, Actor, Means
from spaceport.authorize import Level, SpaceResource, level
from spaceport.errors import NotFound, SpaceportError
from spaceport.ledger import Ledger, Tx, accounts, keys, memberships, sessions, tokens
from spaceport.ledger.accounts import Account
from spaceport.ledger.columns import now
from spaceport.ledger.spaces import Space

INVALID = "Invalid credentials in Authorization header"
"""The exact words by which the hub client tells a wrong token from a missing repository."""

SESSION_COOKIE = "spaceport-session"
SECURE_SESSION_COOKIE = "__Host-spaceport-session"
MAX_HEADER = 4096


class BadCredentials(SpaceportError):
    """Raised for credentials that open nothing; `status` is that of HTTP."""

    def __init__(self, message: str = INVALID, *, status: int = 401, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


@dataclass(frozen=True)
class Shown:
    """What a request shows; never in `repr`."""

    token: str | None = field(default=None, repr=False)
    cookie: str | None = field(default=None, repr=False)


def session_cookie(secure: bool) -> str:
    """The name of the session's cookie; over HTTPS one that only this host can have set."""
    return SECURE_SESSION_COOKIE if secure else SESSION_COOKIE


def read_headers(authorization: Sequence[str], cookie: str | None = None) -> Shown:
    """What `Authorization` (all its fields) and the session's cookie show.

    Bearer, or Basic with the token as password or as user name (GIT-28). Raises `BadCredentials`.
    """
    if len(authorization) > 1:
        raise BadCredentials("More than one Authorization header", status=400)
    if not authorization:
        return Shown(cookie=cookie)
    scheme, _, rest = authorization[0].strip().partition(" ")
    if len(authorization[0]) > MAX_HEADER:
        raise BadCredentials
    if scheme.lower() == "bearer":
        return Shown(token=rest.strip())
    if scheme.lower() == "basic":
        return Shown(token=_from_basic(rest.strip()))
    raise BadCredentials


def _from_basic(encoded: str) -> str:
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise BadCredentials from error
    for part in (password, name):
        if tokens.looks_like_one(part):
            return part
    raise BadCredentials(
        INVALID, hint="Use an access token as the password; account passwords do not open this."
    )


def identify(ledger: Ledger, shown: Shown, at: datetime | None = None) -> Actor:
    """The actor behind what is shown; blocks. Raises `BadCredentials`.

    A cookie whose session is over makes nobody known. Notes the last use, at most once a minute.
    """
    at = at or now()
    if shown.token is None and shown.cookie is None:
        return ANONYMOUS
    with ledger.read() as tx:
        actor = by_shown(tx, shown, at)
    _note_use(ledger, actor, at)
    return actor


def by_shown(tx: Tx, shown: Shown, at: datetime) -> Actor:
    """As `identify`, in a transaction, noting nothing."""
    if shown.token is not None:
        return by_token(tx, shown.token, at)
    return by_session(tx, shown.cookie, at) if shown.cookie else ANONYMOUS


def by_token(tx: Tx, text: str, at: datetime) -> Actor:
    """Raises `BadCredentials` when it is unknown, revoked, expired, or its owner suspended."""
    token = tokens.find(tx, text)
    if token is None or token.expired(at):
        raise BadCredentials
    account = accounts.get(tx, token.account_id)
    if account.suspended:
        raise BadCredentials
    return _actor(tx, Means.TOKEN, account, token=token)


def by_session(tx: Tx, cookie: str, at: datetime) -> Actor:
    session = sessions.find(tx, cookie, at)
    if session is None:
        return ANONYMOUS
    account = accounts.get(tx, session.account_id)
    if account.suspended:
        return ANONYMOUS
    return _actor(tx, Means.SESSION, account, session=session)


def by_key(tx: Tx, fingerprint: str) -> Actor:
    """The owner of an SSH key. Raises `BadCredentials` when nobody (able) has it."""
    key = keys.by_fingerprint(tx, fingerprint)
    account = None if key is None else accounts.get(tx, key.account_id)
    if account is None or account.suspended:
        raise BadCredentials("This SSH key opens no account here")
    return _actor(tx, Means.KEY, account)


def by_account(
    tx: Tx,
    account_id: str,
    *,
    token: tokens.Token | None = None,
    session: sessions.Session | None = None,
) -> Actor:
    """An account by one of its own credentials, found elsewhere (in a signed ticket).

    Raises as `by_token` does.
    """
    account = accounts.get(tx, account_id)
    if account.suspended:
        raise BadCredentials
    means = Means.TOKEN if token is not None else Means.SESSION
    return _actor(tx, means, account, token=token, session=session)


def by_credential(tx: Tx, account_id: str, means: Means, credential: str, at: datetime) -> Actor:
    """Who holds something signed earlier for one of an account's own credentials (by its id: a
    token, a session, an SSH key), with today's rights.

    Raises `BadCredentials` when the credential, or the account, lost its force meanwhile.
    """
    if means is Means.TOKEN:
        token = tokens.get(tx, credential)
        if token is None or token.account_id != account_id or token.expired(at):
            raise BadCredentials
        return by_account(tx, account_id, token=token)
    if means is Means.SESSION:
        session = sessions.by_id(tx, credential, at)
        if session is None or session.account_id != account_id:
            raise BadCredentials
        return by_account(tx, account_id, session=session)
    if means is not Means.KEY:
        raise BadCredentials
    if credential and all(key.id != credential for key in keys.of_account(tx, account_id)):
        raise BadCredentials
    account = accounts.get(tx, account_id)
    if account.suspended:
        raise BadCredentials
    return _actor(tx, Means.KEY, account)


def may_write(tx: Tx, account_id: str, space: Space) -> bool:
    """Whether an account may write to a Space, whatever its tokens say."""
    try:
        actor = _actor(tx, Means.NONE, accounts.get(tx, account_id))
    except NotFound:
        return False
    return level(actor, SpaceResource.of(space)) is Level.KEEPER


def _actor(
    tx: Tx,
    means: Means,
    account: Account,
    *,
    token: tokens.Token | None = None,
    session: sessions.Session | None = None,
) -> Actor:
    return Actor(means, account, memberships.of_user(tx, account.id), token, session)


def _note_use(ledger: Ledger, actor: Actor, at: datetime) -> None:
    if actor.token is not None and tokens.touch_due(actor.token, at):
        with ledger.write() as tx:
            tokens.touch(tx, actor.token, at)
    if actor.session is not None and sessions.touch_due(actor.session, at):
        with ledger.write() as tx:
            sessions.touch(tx, actor.session, at)
