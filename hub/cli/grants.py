"""`spaceport grant ...`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from config.catalogue import FREE_FLAVOR
from hub.cli.common import Data, opened, say, table
from spaceport.ledger import Tx, grants, spaces
from spaceport.ledger.grants import Grant, GrantState

app = typer.Typer(help="Community grants: hardware at no charge.", no_args_is_help=True)
GrantId = Annotated[str, typer.Argument(metavar="ID", help="As 'spaceport grant list' tells.")]
Word = Annotated[str, typer.Option(help="A word to the owner.")]


@app.command("list")
def list_(data: Data = None) -> None:
    """List what was asked for, and what is granted."""
    with opened(data) as context, context.ledger.read() as tx:
        rows = [
            (one.id, _space(tx, one), one.state.value, one.flavor, one.until, one.reason)
            for one in grants.listed(tx, GrantState.ASKED, GrantState.GRANTED)
        ]
    table(("ID", "SPACE", "STATE", "HARDWARE", "UNTIL", "REASON"), rows)


@app.command()
def approve(
    grant: GrantId,
    hardware: Annotated[str, typer.Option(help="Other than what was asked for.")] = "",
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Its last day; else open.")
    ] = None,
    answer: Word = "",
    data: Data = None,
) -> None:
    """Grant it: the Space restarts on that hardware, at no charge."""
    with opened(data) as context, context.ledger.write() as tx:
        asked = grants.get(tx, grant)
        flavor = context.catalogue.flavor(hardware or asked.flavor).slug
        last = until.replace(hour=23, minute=59, second=59, tzinfo=UTC) if until else None
        grants.approve(tx, asked, flavor, last, answer)
        say(f"Granted {flavor} to {_space(tx, asked)}.")


@app.command()
def decline(grant: GrantId, answer: Word = "", data: Data = None) -> None:
    """Say no."""
    with opened(data) as context, context.ledger.write() as tx:
        grants.decline(tx, grants.get(tx, grant), answer)
    say("Declined.")


@app.command()
def end(grant: GrantId, data: Data = None) -> None:
    """Take it back: the Space goes on on free hardware."""
    with opened(data) as context, context.ledger.write() as tx:
        grants.end(tx, grants.get(tx, grant), FREE_FLAVOR)
    say("Ended.")


def _space(tx: Tx, grant: Grant) -> str:
    return str(spaces.get(tx, grant.space_key).id)
