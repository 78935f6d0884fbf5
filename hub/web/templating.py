"""The templates: autoescaped, strict about names that they use, with a few filters."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from hub.web.assets import Assets
from hub.web.hostile import visible
from spaceport.addresses import page_path
from spaceport.stage import Stage
from spaceport.statement import dollars

FOLDER = Path(__file__).parent / "templates"

STAGE_NAMES = {
    Stage.NO_APP_FILE: "No app file",
    Stage.CONFIG_ERROR: "Configuration error",
    Stage.BUILDING: "Building",
    Stage.BUILD_ERROR: "Build error",
    Stage.APP_STARTING: "Starting",
    Stage.RUNNING: "Running",
    Stage.RUNNING_BUILDING: "Running · building",
    Stage.RUNNING_APP_STARTING: "Running · starting",
    Stage.RUNTIME_ERROR: "Runtime error",
    Stage.PAUSED: "Paused",
    Stage.SLEEPING: "Sleeping",
    Stage.DELETING: "Deleting",
}
"""As the badge shows them."""


class Templates:
    def __init__(self, assets: Assets, hub_url: str) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(asset=assets.url, hub_url=hub_url)
        self._environment.filters.update(
            visible=visible,
            ago=ago,
            left=left,
            span=span,
            page_path=page_path,
            dollars=dollars,
            when=when,
            size=size,
            segment=segment,
            stage_name=STAGE_NAMES.__getitem__,
            tone=tone,
        )

    def render(self, template: str, **values: Any) -> str:
        return self._environment.get_template(template).render(**values)


def tone(stage: Stage) -> str:
    """The colour of a stage: what goes, what moves, what needs somebody, what rests."""
    if stage.serving:
        return "good"
    if not stage.settled:
        return "busy"
    return "bad" if stage.name.endswith("ERROR") else "calm"


def ago(at: datetime | None, now: datetime | None = None) -> str:
    """`3 minutes ago`; `never` for nothing."""
    if at is None:
        return "never"
    seconds = max(0, int(((now or datetime.now(UTC)) - at).total_seconds()))
    for length, word in ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"),
                         (3600, "hour"), (60, "minute")):  # fmt: skip
        if seconds >= length:
            count = seconds // length
            return f"{count} {word}{'' if count == 1 else 's'} ago"
    return "just now"


def left(at: datetime, now: datetime | None = None) -> str:
    """`3 days`, until then."""
    return span((at - (now or datetime.now(UTC))).total_seconds())


def span(seconds: float) -> str:
    """A length of time in its largest unit, rounded: `7 days`."""
    for length, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            count = round(seconds / length)
            return f"{count} {word}{'' if count == 1 else 's'}"
    return "less than a minute"


def when(at: datetime) -> str:
    """For the `datetime` attribute and a tooltip."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def size(count: int) -> str:
    """`1.4 MB`, as file managers write it."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"


def segment(path: str, keep: str = "/") -> str:
    """A path as part of an address; any bytes that git allows in a name survive."""
    return quote(path.encode("utf-8", "surrogateescape"), safe=keep)
