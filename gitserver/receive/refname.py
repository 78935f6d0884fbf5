"""Which names a ref may have (git-check-ref-format(1), GIT-14)."""

from __future__ import annotations

from collections.abc import Iterable

from config.git import PushLimits

PUSHABLE = ("refs/heads/", "refs/tags/")
_FORBIDDEN = frozenset(" ~^:?*[\\\x7f")


def refused_name(ref: str, limits: PushLimits, hidden: tuple[str, ...]) -> str | None:
    """Why nobody may push to a ref of this name, as git says it; None if it is fine.

    `ref` was decoded with `surrogateescape`: what is no UTF-8 has surrogates in it.
    """
    if ref == "HEAD" or ref.startswith(hidden):
        return "deny updating a hidden ref"
    if not well_formed(ref, limits):
        return "funny refname"
    if not ref.startswith(PUSHABLE):
        return "deny updating a hidden ref"
    return None


def well_formed(ref: str, limits: PushLimits) -> bool:
    """git's rules, and UTF-8, sane lengths, and no component that looks like an option."""
    try:
        size = len(ref.encode())
    except UnicodeEncodeError:
        return False
    if size > limits.ref_name_bytes or not ref.startswith("refs/") or ref.endswith("."):
        return False
    if any(char < " " or char in _FORBIDDEN for char in ref) or ".." in ref or "@{" in ref:
        return False
    parts = ref.split("/")
    return len(parts) >= 3 and all(_good_component(part, limits) for part in parts)


def _good_component(part: str, limits: PushLimits) -> bool:
    return (
        0 < len(part.encode()) <= limits.component_bytes
        and not part.startswith((".", "-"))
        and not part.endswith(".lock")
        and part != "@"
    )


def clashing(refs: Iterable[str]) -> set[str]:
    """Those that cannot exist together, since the one's name is a folder of the other's."""
    names = set(refs)
    found = set()
    for ref in names:
        at = ref.find("/")
        while at >= 0:
            if ref[:at] in names:
                found |= {ref, ref[:at]}
            at = ref.find("/", at + 1)
    return found
