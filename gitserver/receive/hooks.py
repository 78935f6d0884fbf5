"""What others may say about a push before it counts, and what they are told afterwards.

The git server owns the Protocol; floor 3 implements it (`hooks`), tests record.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gitserver.objects.store import Objects
from spaceport.push import Push, Rejection

Progress = Callable[[str], None]
"""Takes text for the pusher, shown at once as `remote: …`; may have several lines."""


class PushHooks(Protocol):
    """Both methods block and run on pool "git"."""

    def check(self, push: Push, objects: Objects, progress: Progress) -> list[Rejection]:
        """Judge a push before anything of it counts; refs that are not rejected may be stored.

        `objects` has what the push brings, which nobody else sees yet, and the repository behind
        it; their form has been checked. It must not be used after the call. `push.detail` has
        `pack_bytes`, what the push would add on disk. An exception refuses the whole push.
        """
        ...

    def announce(self, push: Push) -> list[str]:
        """Told after the refs in `push.updates` are durable; gives lines for the pusher.

        An exception is logged and never turns a stored push into an error; whoever must not miss
        a push compares the refs with what it knows (level, not edge).
        """
        ...


class NoHooks:
    """Accepts everything and tells nobody: `spaceport git serve`."""

    def check(self, push: Push, objects: Objects, progress: Progress) -> list[Rejection]:
        return []

    def announce(self, push: Push) -> list[str]:
        return []
