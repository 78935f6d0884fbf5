"""After the refs moved: one transaction says so to everybody, and lines tell the person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from config.previews import PreviewSettings
from gitserver.repositories import Repositories
from hooks.head import note_head
from hooks.previews import Kept, keep_previews
from hooks.pull_requests import Noted, news_of, note_pulls
from spaceport.addresses import page_path
from spaceport.ledger import Ledger, pushes, spaces
from spaceport.ledger.spaces import Space, Visibility
from spaceport.push import MAIN, Push, has_preview, short_ref
from spaceport.sdk import Sdk
from spaceport.stage import Wanted

MOST_TOLD = 5  # previews named in the answer to one push


@dataclass(frozen=True)
class Places:
    """Where people find things: the hub's origin, and the origin of an app by its host label."""

    hub_url: str
    app_url: Callable[[str], str]

    def page(self, space: Space) -> str:
        return f"{self.hub_url}{page_path(space)}"

    def preview(self, preview: Space) -> str:
        """Where a preview opens: a browser gets into a private one only by way of the hub."""
        if preview.visibility is Visibility.PUBLIC:
            return self.app_url(preview.host_label)
        return self.page(preview)


def announce(
    push: Push,
    ledger: Ledger,
    repositories: Repositories,
    places: Places,
    previews: PreviewSettings,
) -> list[str]:
    """Write the push, its events and the new heads; give the lines for the person who pushed."""
    pushed = [update.ref for update in push.updates if has_preview(update.ref)]
    news = news_of(ledger, repositories, push.space, push.updates)
    with ledger.write() as tx:
        space = spaces.get(tx, push.space)
        if space.deleted_at is not None:
            return ["This Space was deleted meanwhile."]
        pushes.record(tx, push)
        note_head(tx, repositories, push.space, actor_id=push.actor_id)
        noted = note_pulls(
            tx,
            repositories,
            push.space,
            push.updates,
            news,
            actor_id=push.actor_id,
            trusted=push.reach.branches,
        )
        kept = Kept()
        if pushed:
            kept = keep_previews(
                tx, repositories, push.space, previews, pushed=pushed, actor_id=push.actor_id
            )
        space = spaces.get(tx, push.space)
    said = _of_pulls(noted, places.page(space))
    if not said or push.moved(MAIN) is not None or kept.previews:
        said = [*_lines(push, space, places, kept), *said]
    return [*said, *_of_previews(kept, places, previews)]


def _lines(push: Push, space: Space, places: Places, kept: Kept) -> list[str]:
    """Pure: what to tell."""
    update = push.moved(MAIN)
    if update is None and kept.previews:
        return [f"Space  {places.page(space)}"]
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


def _of_pulls(noted: Noted, page: str) -> list[str]:
    """Pure: which pull requests the push changed, and where to look at them."""
    lines = []
    for word, found in (("", noted.pushed), (" is merged", noted.merged)):
        for each in found[:MOST_TOLD]:
            lines += [f"Pull request {each.number}{word}", f"  {page}/discussions/{each.number}"]
    for each in noted.late[:MOST_TOLD]:
        lines.append(f"Pull request {each.number} was {each.status} meanwhile.")
        lines.append("What you pushed is stored, but is no part of it. Open another one.")
    return lines


def _of_previews(kept: Kept, places: Places, settings: PreviewSettings) -> list[str]:
    """Pure: where the pushed branches are to be seen, or why they are not."""
    lines = []
    for preview in kept.previews[:MOST_TOLD]:
        begins = "it starts when it is visited" if preview.dormant else "it is built anew"
        lines.append(f"Preview of {short_ref(preview.ref or '')}: {begins}, at")
        lines.append(f"  {places.preview(preview)}")
    if len(kept.previews) > MOST_TOLD:
        lines.append(f"... and {len(kept.previews) - MOST_TOLD} more previews, see its settings.")
    if kept.made_way:
        gone = ", ".join(map(short_ref, kept.made_way))
        lines.append(f"Without use for longest, and gone for them: the preview of {gone}.")
    if kept.without:
        refs = ", ".join(map(short_ref, kept.without[:MOST_TOLD]))
        lines.append(f"No preview of {refs}: the Space has {settings.most}, all lately in use.")
        lines.append("Remove one in its settings, then push again.")
    return lines
