"""`spaceport space move`."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.common import Data, SpaceName, opened, say, space_id
from hub.move_space import move_space
from spaceport.actor import SYSTEM


def move(
    name: SpaceName,
    to: Annotated[str, typer.Argument(metavar="AUTHOR/NAME", help="What it is called then.")],
    keep_secrets: Annotated[
        bool, typer.Option("--keep-secrets", help="Let them follow to another owner.")
    ] = False,
    data: Data = None,
) -> None:
    """Rename a Space, or give it to another owner. Its old addresses lead to the new ones."""
    with opened(data) as context:
        moved = move_space(context, SYSTEM, space_id(name), space_id(to), keep_secrets=keep_secrets)
        say(f"{name} is {moved.space.id} now: {context.page_url(moved.space)}")
    if moved.lost_secrets:
        say(f"These secrets did not follow: {', '.join(moved.lost_secrets)}.")
