"""`spaceport user ...`."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import typer

from hub.cli.common import Data, UserName, ledger_of, opened, say, table
from spaceport.errors import Invalid
from spaceport.ledger import accounts, invitations
from spaceport.ledger.accounts import AccountKind
from spaceport.ledger.invitations import Purpose
from spaceport.passwords import check_password, hash_password

app = typer.Typer(help="Users of this server.", no_args_is_help=True)
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    admin: Annotated[bool, typer.Option("--admin", help="May administer this server.")] = False,
    email: Annotated[str | None, typer.Option(help="For commits made on the pages.")] = None,
    full_name: Annotated[str, typer.Option(help="The name that others see.")] = "",
    password_stdin: FromStdin = False,
    data: Data = None,
) -> None:
    """Make a user. Without --password-stdin a one-time link to set the password is printed."""
    hashed = hash_password(_read_password()) if password_stdin else None
    with opened(data) as context:
        with context.ledger.write() as tx:
            account = accounts.create_user(
                tx, name, full_name=full_name, email=email, password_hash=hashed, is_admin=admin
            )
            link = None
            if hashed is None:
                link = invitations.create(tx, Purpose.RESET, account_id=account.id)
        say(f"Made the user {account.name}.")
        if link is not None:
            say(f"To set the password, open this once: {context.join_url(link)}")


@app.command("list")
def list_(data: Data = None) -> None:
    """List all users."""
    with ledger_of(data) as ledger, ledger.read() as tx:
        found = accounts.listed(tx, AccountKind.USER)
    table(
        ("NAME", "ROLE", "STATE", "SINCE"),
        (
            (
                each.name,
                "admin" if each.is_admin else "user",
                "suspended" if each.suspended else "active",
                each.created_at,
            )
            for each in found
        ),
    )


@app.command()
def password(name: UserName, password_stdin: FromStdin = False, data: Data = None) -> None:
    """Set a password; every session of the user ends."""
    hashed = hash_password(_read_password() if password_stdin else _ask_password())
    with ledger_of(data) as ledger, ledger.write() as tx:
        accounts.set_password(tx, accounts.user(tx, name).id, hashed)
    say(f"Set the password of {name}.")


@app.command()
def suspend(name: UserName, data: Data = None) -> None:
    """Close an account: nothing that the user holds opens anything any more."""
    with ledger_of(data) as ledger, ledger.write() as tx:
        accounts.suspend(tx, accounts.user(tx, name).id)
    say(f"Suspended {name}. 'spaceport user reinstate {name}' ends it.")


@app.command()
def reinstate(name: UserName, data: Data = None) -> None:
    """End a suspension; tokens and keys work again."""
    with ledger_of(data) as ledger, ledger.write() as tx:
        accounts.reinstate(tx, accounts.user(tx, name).id)
    say(f"Reinstated {name}.")


def _read_password() -> str:
    """The first line of standard input."""
    return check_password(sys.stdin.readline().rstrip("\r\n"))


def _ask_password() -> str:
    if not sys.stdin.isatty():
        raise Invalid("There is no terminal to ask for the password.", hint="Add --password-stdin.")
    given = check_password(getpass.getpass("New password: "))
    if getpass.getpass("Once more: ") != given:
        raise Invalid("The two are not the same.")
    return given
