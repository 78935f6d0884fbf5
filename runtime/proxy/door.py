"""The door of private Spaces: what a visitor shows, and who decides (13.5, PX-17).

The hub implements `Doorkeeper`; the proxy collects the credentials, remembers an admission for a
few seconds and keeps everything that it used away from the app.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from config.proxy import PLATFORM_COOKIE_PREFIX
from runtime.proxy.cookies import cookie_named
from runtime.proxy.head import RequestHead
from runtime.proxy.routes import Route

_REMEMBERED = 4096


@dataclass(frozen=True)
class Credentials:
    """What a request shows at the door; empty strings for what it does not. Never in `repr`."""

    bearer: str = ""  # Authorization: Bearer ...
    platform_bearer: str = ""  # X-HF-Authorization: Bearer ..., never meant for the app
    ticket: str = ""  # ?__sign=..., as the hub's page adds it to the app's frame
    cookie: str = ""  # our cookie on the app's host, set after a good ticket

    def __repr__(self) -> str:
        return "Credentials(...)"

    def __bool__(self) -> bool:
        return bool(self.bearer or self.platform_bearer or self.ticket or self.cookie)


@dataclass(frozen=True)
class Admission:
    """The verdict on one visitor of one Space.

    `cookie`: the value to set on the app's host, given for a good ticket. `keep_authorization`:
    the app may see the Authorization field (13.5.6: it is no token of ours, or the Space belongs
    to the caller's own namespace).
    """

    admitted: bool
    cookie: str = ""
    keep_authorization: bool = False


REFUSED = Admission(False)


class Doorkeeper(Protocol):
    """Decides who may open a private Space, by the one authorisation function."""

    async def admit(self, route: Route, credentials: Credentials) -> Admission:
        """Called with at least one credential. An exception counts as a refusal (fail closed)."""


class ClosedDoor:
    """A doorkeeper that lets nobody in; what a proxy without a hub has."""

    async def admit(self, route: Route, credentials: Credentials) -> Admission:
        return REFUSED


class Door:
    """A doorkeeper's verdicts, each remembered for `seconds`; a visitor's refusal is not."""

    def __init__(self, keeper: Doorkeeper, *, seconds: float, secure: bool, age: int) -> None:
        self._keeper = keeper
        self._seconds = seconds
        self._secure = secure
        self._age = age
        self._known: dict[tuple[str, Credentials], tuple[float, Admission]] = {}
        self.cookie_name = (
            ("__Host-" if secure else "") + PLATFORM_COOKIE_PREFIX + "-door"
        ).encode()

    def credentials(self, head: RequestHead) -> Credentials:
        """What `head` shows; two door cookies count as none (WEB-10)."""
        cookies = [
            value for line in head.fields.cookies for value in cookie_named(line, self.cookie_name)
        ]
        return Credentials(
            bearer=_bearer(head.fields.authorization),
            platform_bearer=_bearer(head.fields.hf_authorization),
            ticket=_ticket(head.target),
            cookie=cookies[0].decode("latin-1") if len(cookies) == 1 else "",
        )

    def remembered(self, route: Route, shown: Credentials, now: float) -> Admission | None:
        """The verdict if it is still fresh, or if nothing was shown at all."""
        if not shown:
            return REFUSED
        until, admission = self._known.get((route.space_key, shown), (0.0, REFUSED))
        return admission if now < until else None

    async def ask(self, route: Route, shown: Credentials, now: float) -> Admission:
        admission = await self._keeper.admit(route, shown)
        if admission.admitted and self._seconds:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[route.space_key, shown] = (now + self._seconds, admission)
        return admission

    def forget(self) -> None:
        """Ask again for everybody: called when routes change."""
        self._known.clear()

    def set_cookie(self, value: str) -> bytes:
        """The header line that lets the browser in without its ticket (13.5.3)."""
        site = "SameSite=None; Secure; Partitioned" if self._secure else "SameSite=Lax"
        name = self.cookie_name.decode()
        line = f"Set-Cookie: {name}={value}; Path=/; Max-Age={self._age}; HttpOnly; {site}\r\n"
        return line.encode("ascii") if value.isascii() and value.isprintable() else b""


def _bearer(value: bytes) -> str:
    scheme, _, token = value.partition(b" ")
    return token.strip(b" ").decode("latin-1") if scheme.lower() == b"bearer" else ""


def _ticket(target: bytes) -> str:
    if b"__sign=" not in target:
        return ""
    parts = target.partition(b"?")[2].split(b"&")
    signs = [part[7:] for part in parts if part.startswith(b"__sign=")]
    return signs[0].decode("latin-1") if len(signs) == 1 else ""
