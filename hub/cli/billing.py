"""`spaceport billing ...`."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.billing import bill, bill_csv
from hub.cli.common import Data, opened, say, table
from spaceport.actor import SYSTEM
from spaceport.errors import Invalid, NotFound
from spaceport.ledger import accounts, budgets
from spaceport.statement import Month, dollars

app = typer.Typer(help="What was used, and budgets.", no_args_is_help=True)
Owner = Annotated[str, typer.Argument(metavar="OWNER", help="A user or an organisation.")]


@app.command()
def statement(
    owner: Owner,
    month: Annotated[str, typer.Option(metavar="2026-11", help="Default: this month.")] = "",
    csv: Annotated[bool, typer.Option("--csv", help="For a spreadsheet.")] = False,
    data: Data = None,
) -> None:
    """Print what an owner used in a month, to the minute."""
    with opened(data) as context, context.ledger.read() as tx:
        found = bill(tx, context, SYSTEM, owner, Month.parse(month) if month else None)
    told = found.statement
    if csv:
        typer.echo(bill_csv(told), nl=False)
        return
    rows = [(line.space_id, line.slug, line.minutes, dollars(line.amount)) for line in told.lines]
    table(("SPACE", "HARDWARE OR STORAGE", "MINUTES", "DOLLARS"), rows)
    limit = "none" if found.limit is None else f"{dollars(found.limit)} dollars"
    say(f"{told.month}: {dollars(told.total)} dollars; saved by sleeping: {dollars(told.saved)}.")
    say(f"Budget: {limit} ({found.level.value}).")


@app.command()
def budget(
    owner: Owner,
    monthly: Annotated[str, typer.Argument(metavar="DOLLARS|none", help="A month.")],
    data: Data = None,
) -> None:
    """Set what an owner's Spaces may cost in a month; then those that cost money sleep."""
    try:
        wanted = None if monthly == "none" else float(monthly)
    except ValueError:
        raise Invalid(f"{monthly!r} is not an amount.", hint="Write 20, 7.50 or none.") from None
    with opened(data) as context, context.ledger.write() as tx:
        account = accounts.by_name(tx, owner)
        if account is None:
            raise NotFound(f"There is no account called {owner!r}.")
        budgets.set_limit(tx, account.id, wanted)
    say(f"{account.name} has no budget now." if wanted is None else f"Set to {wanted:g} dollars.")
