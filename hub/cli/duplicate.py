"""`spaceport space duplicate`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from hub.cli.common import Data, SpaceName, opened, say, space_id
from hub.cli.spaces import choice, find
from hub.create_space import Setting
from hub.duplicate_space import Copy, duplicate_space
from spaceport.actor import SYSTEM
from spaceport.errors import Invalid
from spaceport.ledger import secrets
from spaceport.ledger.spaces import Visibility


def duplicate(
    name: SpaceName,
    to: Annotated[str, typer.Argument(metavar="AUTHOR/NAME", help="The copy.")],
    visibility: Annotated[str, typer.Option(metavar="public|protected|private")] = "private",
    hardware: Annotated[str, typer.Option(help="A flavour of the catalogue.")] = "cpu-basic",
    storage: Annotated[str, typer.Option(help="A storage tier; none by default.")] = "",
    variable: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Set or override; repeatable.")
    ] = None,
    secret_env: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Set a secret from this environment variable; repeatable."
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Copy a Space with its history and variables; its secrets do not follow."""
    wanted = space_id(to)
    with opened(data) as context:
        with context.ledger.read() as tx:
            source = find(tx, name)
            names = {entry.name for entry in secrets.names(tx, source.key)}
        copy = Copy(
            wanted.author,
            wanted.name,
            visibility=choice(visibility, Visibility),
            flavor=hardware,
            storage_tier=storage,
            variables=tuple(_variable(text) for text in variable or ()),
            secrets=tuple(_secret(each) for each in secret_env or ()),
        )
        space = duplicate_space(context, SYSTEM, source.id, copy)
        say(f"Copied {source.id} to {space.id}: {context.page_url(space)}")
    left = sorted(names - set(secret_env or ()))
    if left:
        say(f"These secrets of {source.id} are not set in the copy: {', '.join(left)}.")


def _variable(text: str) -> Setting:
    name, equals, value = text.partition("=")
    if not equals:
        raise Invalid(f"{text!r} has no value.", hint="Write it as NAME=VALUE.")
    return Setting(name, value)


def _secret(name: str) -> Setting:
    """A value on the command line would be in the shell's history and the list of processes."""
    value = os.environ.get(name)
    if not value:
        raise Invalid(
            f"The environment has no {name}.", hint=f"Run: {name}=... spaceport space ..."
        )
    return Setting(name, value)
