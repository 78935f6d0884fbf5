"""`spaceport space previews`, and setting secrets, which previews begin without."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from hub import previews as shown
from hub.cli.common import Data, SpaceName, opened, say, table
from hub.cli.spaces import SpaceOrPreview, find, find_any
from spaceport.errors import Invalid
from spaceport.ledger import previews as ledger
from spaceport.ledger import secrets


def previews(
    name: SpaceName,
    begin: Annotated[str | None, typer.Option(metavar="BRANCH", help="Preview it again.")] = None,
    remove: Annotated[str | None, typer.Option(metavar="BRANCH", help="Remove its.")] = None,
    data: Data = None,
) -> None:
    """List the previews of a Space's branches, with their addresses and until when they stay.

    Other commands take one as AUTHOR/NAME@BRANCH.
    """
    with opened(data) as context:
        with context.ledger.write() as tx:
            key = find(tx, name).key
            if remove is not None:
                ledger.end(tx, shown.find(tx, key, remove))
            if begin is not None:
                shown.begin(tx, context, key, begin, None)
            lines = shown.listed(tx, context, key)
        table(
            ("BRANCH", "STAGE", "REVISION", "ADDRESS", "ENDS"),
            (
                (
                    line.name,
                    line.view.standing.stage.value,
                    (line.space.head or "")[:10],
                    context.app_url(line.space),
                    line.ends_at,
                )
                for line in lines
            ),
        )


def set_secret(
    name: SpaceOrPreview,
    secret: Annotated[str, typer.Argument(metavar="SECRET", help="Its name.")],
    data: Data = None,
) -> None:
    """Set a secret of a Space or a preview; the value is read from standard input."""
    value = sys.stdin.read().removesuffix("\n")
    if not value:
        raise Invalid("There was no value on standard input.", hint="Pipe it in: printf ... |")
    with opened(data) as context, context.ledger.write() as tx:
        secrets.set_(tx, context.keyring, find_any(tx, name).key, secret, value)
    say(f"Set {secret} of {name}.")
