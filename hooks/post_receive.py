"""After the refs moved: one transaction says so to everybody, and lines tell the person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gitserver.repositories import Repositories
from hooks.head import note_head
from spaceport.ledger import Ledger, pushes, spaces
from spaceport.ledger.spaces import Space
from spaceport.push import MAIN, Push
from spaceport.sdk import Sdk
from spaceport.stage import Wanted


@dataclass(frozen=True)
class Places:
    """Where people find things: the hub's origin, and the origin of an app by its host label."""

    hub_url: str
    app_url: Callable[[str], str]

    def page(self, space: Space) -> str:
        return f"{self.hub_url}/spaces/{space.id}"


def announce(push: Push, ledger: Ledger, repositories: Repositories, places: Places) -> list[str]:
    """Write the push, its events and the new head; give the lines for the person who pushed."""
    with ledger.write() as tx:
        space = spaces.get(tx, push.space)
        if space.deleted_at is not None:
            return ["This Space was deleted meanwhile."]
        pushes.record(tx, push)
        note_head(tx, repositories, push.space, actor_id=push.actor_id)
        space = spaces.get(tx, push.space)
    return _lines(push, space, places)


def _lines(push: Push, space: Space, places: Places) -> list[str]:
    """Pure: what to tell."""
    update = push.moved(MAIN)
    if update is None:
        return ["Stored. Only the branch 'main' is built and run:", f"  {places.page(space)}"]
    if update.deleted:
        return ["The branch 'main' is gone; what was built before keeps running."]
    lines = [f"Space  {places.page(space)}", f"App    {places.app_url(space.host_label)}"]
    if space.wanted is Wanted.PAUSED:
        return [*lines, "The Space is paused: this push is built when you restart it."]
    if space.sdk is not Sdk.STATIC:
        lines.append(f"Build  on the Space's page, or: hf spaces logs {space.id} --build -f")
    return lines
