"""`spaceport space network`."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.common import Data, SpaceName, opened, say
from hub.cli.spaces import find
from spaceport.egress import Egress
from spaceport.ledger import egress


def network(
    name: SpaceName,
    preset: Annotated[
        str, typer.Argument(metavar="default|allow-list|index-only|none", help="Else: show it.")
    ] = "",
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST[:PORT]", help="Of an allow-list; repeatable."),
    ] = None,
    data: Data = None,
) -> None:
    """Show or change what a Space may reach outside; a change restarts it."""
    with opened(data) as context, context.ledger.write() as tx:
        space = find(tx, name)
        if preset:
            egress.set_(tx, space.key, Egress.parse(preset, allow or ()))
        found = egress.of(tx, space.key)
    listed = "".join(f"\n  {one}" for one in found.destinations)
    say(f"{space.id}: {found.preset.value}{listed}")
