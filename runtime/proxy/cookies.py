"""Keep the platform's cookies and the apps' cookies apart (PX-09, PX-10)."""

from __future__ import annotations

from config.proxy import PLATFORM_COOKIE_PREFIX

_OURS = PLATFORM_COOKIE_PREFIX.encode()
_BROWSER_PREFIXES = (b"__host-", b"__secure-", b"__http-", b"__host-http-")


def _is_ours(name: bytes) -> bool:
    bare = name.strip(b" \t").lower()
    for prefix in sorted(_BROWSER_PREFIXES, key=len, reverse=True):
        if bare.startswith(prefix):
            return bare[len(prefix) :].startswith(_OURS)
    return bare.startswith(_OURS)


def without_platform_cookies(value: bytes) -> bytes:
    """A `Cookie` value as an app may see it; empty when nothing is left."""
    if _OURS not in value.lower():
        return value
    pairs = [pair for pair in value.split(b";") if not _is_ours(pair.partition(b"=")[0])]
    return b";".join(pairs).strip(b" \t")


def cookie_named(value: bytes, name: bytes) -> list[bytes]:
    """Every value that a `Cookie` value holds for exactly `name`."""
    if name not in value:
        return []
    pairs = (pair.partition(b"=") for pair in value.split(b";"))
    return [content.strip(b" \t") for key, _, content in pairs if key.strip(b" \t") == name]


def may_set(value: bytes, host: bytes) -> bool:
    """Whether an app at `host` (lower case, without port) may send this `Set-Cookie` value."""
    pair, *attributes = value.split(b";")
    name, equals, content = pair.partition(b"=")
    if _is_ours(name):
        return False
    # A cookie without a name is sent back as its bare value, which may look like one of ours.
    nameless = not equals or not name.strip(b" \t")
    if nameless and _OURS in (content or name).lower():
        return False
    for attribute in attributes:
        key, _, domain = attribute.partition(b"=")
        if key.strip(b" \t").lower() == b"domain":
            wanted = domain.strip(b" \t").lower().removeprefix(b".")
            if wanted and wanted != host:
                return False
    return True
