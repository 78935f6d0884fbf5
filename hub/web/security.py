"""The headers of pages, and who may change things with a browser's cookie (WEB-01, -06, -12).

All pure functions: headers in, verdict or headers out.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from config.settings import Settings

_NEXT = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*")

RAW_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
"""For bytes of users: nothing in them runs, and they are nobody's origin."""


def new_nonce() -> str:
    return secrets.token_urlsafe(16)


def frame_source(settings: Settings) -> str:
    """The one CSP source that covers every app, and nothing else."""
    parts = urlsplit(settings.space_url("x"))
    return f"{parts.scheme}://*.{parts.netloc.removeprefix('x.')}"


def page_headers(nonce: str, frames: str, *, secure: bool) -> dict[str, str]:
    """What every page carries: scripts and styles by nonce only, frames of apps only."""
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
        f"img-src 'self' data:; connect-src 'self'; frame-src {frames}; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "private, no-store",
    }
    if secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


def same_origin(headers: Mapping[str, str], host: str) -> bool:
    """Whether a change was asked for by a page of ours.

    Every app is another site to us, also one on the same domain. Without any sign it is refused:
    browsers send `Origin` with every POST.
    """
    site = headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return False
    origin = headers.get("Origin")
    if origin is not None:
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
    return site == "same-origin"


def right_token(given: str | None, expected: str) -> bool:
    """Whether the form's token is the session's, in constant time."""
    return given is not None and hmac.compare_digest(given.encode(), expected.encode())


def safe_next(path: str | None) -> str:
    """Where to go after signing in: a path of ours, else the front page (API-17)."""
    return path if path and len(path) < 2048 and _NEXT.fullmatch(path) else "/"


_INLINE = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "ico": "image/x-icon",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "mp4": "video/mp4",
    "webm": "video/webm",
}
PICTURES = frozenset(("png", "jpg", "jpeg", "gif", "webp", "avif", "ico", "svg"))


def ending(path: str) -> str:
    """`png` of `a/b.PNG`; empty without one."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


def raw_headers(path: str, start: bytes) -> dict[str, str]:
    """For a user's file on the hub's own origin: whatever it holds, nothing of it runs there.

    `start` is some of its first bytes: what is text is shown as plain text, what is not a picture,
    sound or film is saved. An SVG is a picture inside a page, and a file to save on its own.
    """
    kind, inline = _INLINE.get(ending(path)), True
    if kind is None and ending(path) == "svg":
        kind, inline = "image/svg+xml", False
    elif kind is None and _is_text(start):
        kind = "text/plain; charset=utf-8"
    elif kind is None:
        kind, inline = "application/octet-stream", False
    name = path.rpartition("/")[2].encode("utf-8", "replace")
    disposition = "inline" if inline else "attachment"
    return {
        "Content-Type": kind,
        "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": RAW_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
    }


def _is_text(start: bytes) -> bool:
    if b"\0" in start:
        return False
    try:
        start.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(start) - 3  # cut inside the last character
    return True
