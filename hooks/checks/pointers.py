"""git-lfs pointers whose content was never uploaded."""

from __future__ import annotations

from collections.abc import Callable

from gitserver.pointer import MAX_BYTES, Pointer, parse_pointer
from hooks.checks.verdict import FINE, Verdict, listed, refuse_all
from hooks.incoming import Brought, Readable
from spaceport.names import SpaceKey
from spaceport.push import Push

HasLarge = Callable[[SpaceKey, Pointer], bool]
"""Whether the Space holds the content of a pointer."""


def check_pointers(push: Push, new: Brought, objects: Readable, has: HasLarge) -> Verdict:
    """Refuse new pointers to objects that the Space does not hold."""
    missing = []
    for file in new.files:
        if file.size > MAX_BYTES or file.link:
            continue
        pointer = parse_pointer(objects.read(file.oid, MAX_BYTES)[1])
        if pointer is not None and not has(push.space, pointer):
            missing.append(f"{file.path} ({pointer.oid})")
    if not missing:
        return FINE
    text = (
        "The content of these git-lfs files was never uploaded:\n"
        f"{listed(dict.fromkeys(missing))}\n"
        "Upload it, then push again:\n  git lfs push --all origin\n  git push"
    )
    return refuse_all(push, "git-lfs content is missing", text)
