"""`spaceport space releases` and `spaceport space rollback`."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.common import Data, opened, say, table
from hub.cli.spaces import SpaceOrPreview, find_any
from hub.releases import Line, listed, roll_back


def releases(name: SpaceOrPreview, data: Data = None) -> None:
    """List what ran, the newest first; '*' is what runs now or is being started."""
    with opened(data) as context:
        with context.ledger.read() as tx:
            key = find_any(tx, name).key
        lines = listed(context, key)
    columns = ("", "RELEASE", "STATE", "REVISION", "COMMIT", "HARDWARE", "VARIABLES", "SECRETS")
    table((*columns, "LIVE", "NOTE"), (_row(line) for line in lines))


def rollback(
    name: SpaceOrPreview,
    number: Annotated[
        int | None,
        typer.Argument(metavar="[NUMBER]", min=1, help="The release; else the version before."),
    ] = None,
    data: Data = None,
) -> None:
    """Start an earlier release again, beside the present one until it answers."""
    with opened(data) as context:
        with context.ledger.read() as tx:
            key = find_any(tx, name).key
        done = roll_back(context, key, number)
    made = done.release
    say(f"Going back to release {made.version} of {name}, as release {made.number}.")
    for note in done.notes:
        say(note)


def _row(line: Line) -> tuple[object, ...]:
    release, cause = line.release, line.cause
    notes = [f"rollback to {release.rollback_of}."] if release.rollback_of else []
    notes += [cause.sentence] if cause else []
    notes += [line.refused] if line.refused and not line.present else []
    return (
        "*" if line.present else "",
        release.number,
        release.state.value,
        release.revision[:10],
        line.subject[:60],
        line.hardware,
        " ".join(f"{name}={value[:20]}" for name, value in sorted(release.variables.items())),
        " ".join(f"{name}@{version}" for name, version in sorted(release.secret_versions.items())),
        release.live_at,
        " ".join(notes),
    )
