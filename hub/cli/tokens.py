"""`spaceport token ...`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from hub.cli.common import Data, UserName, ledger_of, say, table
from spaceport.errors import Invalid, NotFound
from spaceport.ledger import Tx, accounts, spaces, tokens
from spaceport.ledger.columns import now
from spaceport.names import SpaceId
from spaceport.roles import Grant, Right, TokenRole, parse_role

app = typer.Typer(help="Access tokens for git, the API and the clients.", no_args_is_help=True)


@app.command()
def create(
    name: UserName,
    label: Annotated[str, typer.Option("--name", help="What it is for.")] = "command line",
    role: Annotated[str, typer.Option(metavar="read|write|fine-grained")] = "read",
    grant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TARGET=RIGHTS",
            help="For fine-grained ones: ada/demo=read,write or lab=read (read, write, settings).",
        ),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="It expires after so many days.")] = None,
    data: Data = None,
) -> None:
    """Make a token and print it, nothing else. It cannot be shown again."""
    wanted = parse_role(role, TokenRole)
    expires = None if days is None else now() + timedelta(days=days)
    with ledger_of(data) as ledger, ledger.write() as tx:
        account = accounts.user(tx, name)
        grants = [_grant(tx, text) for text in grant or ()]
        if wanted is TokenRole.FINE_GRAINED and not grants:
            raise Invalid(
                "A fine-grained token without a grant opens nothing.",
                hint="Add --grant ada/demo=read,write",
            )
        _, text = tokens.create(tx, account.id, label, wanted, grants=grants, expires_at=expires)
    say(text)


@app.command("list")
def list_(name: UserName, data: Data = None) -> None:
    """List a user's tokens: what is known of them, never the tokens themselves."""
    with ledger_of(data) as ledger, ledger.read() as tx:
        found = tokens.of_account(tx, accounts.user(tx, name).id)
    table(
        ("ID", "NAME", "ROLE", "TOKEN", "MADE", "LAST USED", "EXPIRES"),
        (
            (
                each.id,
                each.name,
                each.role.value,
                f"{tokens.PREFIX}...{each.tail}",
                each.created_at,
                each.last_used_at,
                each.expires_at,
            )
            for each in found
        ),
    )


@app.command()
def revoke(
    name: UserName,
    token: Annotated[str, typer.Argument(metavar="ID", help="As 'token list' shows it.")],
    data: Data = None,
) -> None:
    """Revoke a token: it fails from the next request on."""
    with ledger_of(data) as ledger, ledger.write() as tx:
        revoked = tokens.revoke(tx, accounts.user(tx, name).id, token)
    if not revoked:
        raise NotFound(f"{name} has no token {token!r}.", hint=f"See: spaceport token list {name}")
    say("Revoked.")


def _grant(tx: Tx, text: str) -> Grant:
    """`ada/demo=read,write` or `lab=read`."""
    target, equals, rights = text.partition("=")
    if not equals:
        raise Invalid(f"{text!r} is no grant.", hint="Write it as ada/demo=read,write")
    granted = frozenset(parse_role(right.strip(), Right) for right in rights.split(","))
    if "/" in target:
        space = spaces.by_id(tx, SpaceId.parse(target))
        if space is None:
            raise NotFound(f"There is no Space {target!r}.")
        return Grant(space.key, granted)
    account = accounts.by_name(tx, target)
    if account is None:
        raise NotFound(f"There is no account {target!r}.")
    return Grant(account.id, granted)
