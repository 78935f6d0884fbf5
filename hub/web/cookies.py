"""The session's cookie (WEB-10)."""

from __future__ import annotations

from aiohttp import web

from spaceport.identify import session_cookie

LIFE = 30 * 24 * 3600


def read_session(request: web.Request, *, secure: bool) -> str | None:
    """The session's cookie; a request that shows it twice has none, whoever set the other one."""
    name = session_cookie(secure)
    found = [
        value
        for header in request.headers.getall("Cookie", [])
        for pair in header.split(";")
        for key, _, value in [pair.strip().partition("=")]
        if key == name
    ]
    return found[0].strip('"') if len(found) == 1 else None


def set_session(answer: web.StreamResponse, value: str, *, secure: bool) -> None:
    _set(answer, session_cookie(secure), value, LIFE, secure)


def drop_session(answer: web.StreamResponse, *, secure: bool) -> None:
    _set(answer, session_cookie(secure), "", 0, secure)


def _set(answer: web.StreamResponse, name: str, value: str, age: int, secure: bool) -> None:
    answer.set_cookie(
        name, value, max_age=age, path="/", secure=secure, httponly=True, samesite="Lax"
    )
