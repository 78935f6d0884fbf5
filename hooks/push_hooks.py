"""What the git server calls around a push: `check` before the refs move, `announce` after."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from config.git import GitSettings
from config.previews import PreviewSettings
from gitserver.objects.store import Objects
from gitserver.repositories import Repositories
from hooks.checks.pointers import HasLarge
from hooks.checks.pull_requests import Pulls
from hooks.incoming import Readable
from hooks.post_receive import Places, announce
from hooks.pre_receive import Limits, Sizes, judge
from spaceport.ledger import Ledger, discussions, spaces
from spaceport.push import Push, Rejection, pull_number


class PushHooks:
    """Synchronous; the git server calls it on its own pool, with the repository's lock or without.

    `has_large` tells whether a Space holds the content of a git-lfs pointer; without it (no LFS)
    pointers are not looked at.
    """

    def __init__(
        self,
        ledger: Ledger,
        repositories: Repositories,
        places: Places,
        *,
        settings: GitSettings | None = None,
        has_large: HasLarge | None = None,
        previews: PreviewSettings = PreviewSettings(),
    ) -> None:
        settings = settings or repositories.settings
        self._ledger = ledger
        self._repositories = repositories
        self._places = places
        self._limits = Limits(settings.push.blob_bytes, settings.repository_bytes)
        self._has_large = has_large
        self._previews = previews

    def check(
        self, push: Push, objects: Readable, progress: Callable[[str], None]
    ) -> list[Rejection]:
        """The refs to refuse, each with how to mend; `progress` takes lines for the person."""
        folder = self._repositories.path(push.space) / "objects"
        sizes = Sizes(_folder_bytes(folder), int(push.detail.get("pack_bytes", "0")))
        with Objects(folder) as known:
            return judge(
                push,
                objects,
                known,
                limits=self._limits,
                sizes=sizes,
                has_large=self._has_large,
                tell=progress,
                pulls=self._pulls(push),
            )

    def _pulls(self, push: Push) -> Pulls | None:
        """What the push is judged by as far as it is about pull requests; None when it is not."""
        numbers = {pull_number(update.ref) for update in push.updates} - {None}
        if not numbers and push.reach.branches:
            return None
        with self._ledger.read() as tx:
            space = spaces.get(tx, push.space)
            found = (discussions.find(tx, space.key, number) for number in numbers if number)
            known = {each.number: each for each in found if each is not None}
        return Pulls(known, self._places.page(space), space.discussions)

    def announce(self, push: Push) -> list[str]:
        """Write what happened into the ledger; lines for the person."""
        return announce(push, self._ledger, self._repositories, self._places, self._previews)


def _folder_bytes(folder: Path) -> int:
    """Bytes of packs and loose objects. A file that goes meanwhile counts as nothing."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(root, name)).st_size  # noqa: PTH116, PTH118
            except FileNotFoundError:
                continue
    return total
