"""`spaceport org ...`."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.common import Data, ledger_of, say, table
from spaceport.errors import NotFound
from spaceport.ledger import accounts, memberships
from spaceport.roles import OrgRole, parse_role

app = typer.Typer(help="Organisations and their members.", no_args_is_help=True)
OrgName = Annotated[str, typer.Argument(metavar="ORG", help="The organisation's name.")]


@app.command()
def create(
    name: OrgName,
    admin: Annotated[str, typer.Option(metavar="USER", help="Its first administrator.")],
    full_name: Annotated[str, typer.Option(help="The name that others see.")] = "",
    data: Data = None,
) -> None:
    """Make an organisation."""
    with ledger_of(data) as ledger, ledger.write() as tx:
        user = accounts.user(tx, admin)
        made = accounts.create_org(tx, name, full_name=full_name)
        memberships.set_role(tx, made, user, OrgRole.ADMIN)
    say(f"Made the organisation {made.name}; {user.name} administers it.")


@app.command()
def member(
    org: OrgName,
    user: Annotated[str, typer.Argument(metavar="USER")],
    role: Annotated[str, typer.Option(metavar="no_access|read|contributor|write|admin")] = "read",
    remove: Annotated[bool, typer.Option("--remove", help="Take the user out.")] = False,
    data: Data = None,
) -> None:
    """Add a member, change a member's role, or take a member out."""
    wanted = parse_role(role, OrgRole)
    with ledger_of(data) as ledger, ledger.write() as tx:
        place, person = accounts.org(tx, org), accounts.user(tx, user)
        if not remove:
            memberships.set_role(tx, place, person, wanted)
        elif not memberships.remove(tx, place, person):
            raise NotFound(f"{user} is no member of {org}.")
    say(f"{user} left {org}." if remove else f"{user} is now {wanted.value} in {org}.")


@app.command("list")
def list_(data: Data = None) -> None:
    """List organisations with their members."""
    with ledger_of(data) as ledger, ledger.read() as tx:
        rows = [
            (org.name, person.name, role.value)
            for org in accounts.listed(tx, accounts.AccountKind.ORG)
            for person, role in memberships.members(tx, org.id)
        ]
    table(("ORGANISATION", "MEMBER", "ROLE"), rows)
