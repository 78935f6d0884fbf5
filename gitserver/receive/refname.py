"""Which names a ref may have (git-check-ref-format(1), GIT-14)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from config.git import PushLimits

HIDDEN = "deny updating a hidden ref"
_FORBIDDEN = frozenset(" ~^:?*[\\\x7f")


def refused_name(
    ref: str, limits: PushLimits, pushable: Callable[[str], bool], *, plain: bool = True
) -> str | None:
    """Why nobody may push to a ref of this name, as git says it; None if it is fine.

    `ref` was decoded with `surrogateescape`: what is no UTF-8 has surrogates in it. `plain`: it
    must be UTF-8 and no component may look like an option, which is more than git asks for.
    `pushable` tells whether somebody may push to a ref of that name.
    """
    if ref == "HEAD" and plain:
        return HIDDEN
    if not (well_formed(ref, limits) if plain else _well_formed_for_git(ref)):
        return "funny refname"
    return None if pushable(ref) else HIDDEN


def well_formed(ref: str, limits: PushLimits) -> bool:
    """git's rules, and UTF-8, sane lengths, and no component that looks like an option."""
    try:
        size = len(ref.encode())
    except UnicodeEncodeError:
        return False
    return (
        size <= limits.ref_name_bytes
        and _well_formed_for_git(ref)
        and all(_good_component(part, limits) for part in ref.split("/"))
    )


def _well_formed_for_git(ref: str) -> bool:
    if not ref.startswith("refs/") or ref.endswith(".") or ".." in ref or "@{" in ref:
        return False
    if any(char < " " or char in _FORBIDDEN for char in ref):
        return False
    parts = ref.split("/")
    return len(parts) >= 3 and not any(
        not part or part.startswith(".") or part.endswith(".lock") for part in parts
    )


def _good_component(part: str, limits: PushLimits) -> bool:
    return len(part.encode()) <= limits.component_bytes and not part.startswith("-") and part != "@"


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
