"""`spaceport key ...`: SSH public keys."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.common import Data, UserName, ledger_of, say, table
from spaceport.errors import Invalid, NotFound
from spaceport.ledger import accounts, keys

app = typer.Typer(help="SSH public keys of users.", no_args_is_help=True)


@app.command()
def add(
    name: UserName,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A .pub file, or - for stdin.")],
    label: Annotated[str, typer.Option("--name", help="What it is called.")] = "",
    data: Data = None,
) -> None:
    """Let a key open git as this user."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} cannot be read: {error}") from error
    with ledger_of(data) as ledger, ledger.write() as tx:
        key = keys.add(tx, accounts.user(tx, name).id, text, name=label)
    say(key.fingerprint)


@app.command("list")
def list_(name: UserName, data: Data = None) -> None:
    """List a user's keys."""
    with ledger_of(data) as ledger, ledger.read() as tx:
        found = keys.of_account(tx, accounts.user(tx, name).id)
    table(
        ("ID", "NAME", "FINGERPRINT", "ADDED", "LAST USED"),
        (
            (each.id, each.name, each.fingerprint, each.created_at, each.last_used_at)
            for each in found
        ),
    )


@app.command()
def remove(
    name: UserName,
    key: Annotated[str, typer.Argument(metavar="ID", help="As 'key list' shows it.")],
    data: Data = None,
) -> None:
    """Remove a key."""
    with ledger_of(data) as ledger, ledger.write() as tx:
        removed = keys.remove(tx, accounts.user(tx, name).id, key)
    if not removed:
        raise NotFound(f"{name} has no key {key!r}.", hint=f"See: spaceport key list {name}")
    say("Removed.")
