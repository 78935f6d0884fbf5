"""`spaceport space hardware`."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.common import Data, SpaceName, opened, say, table
from hub.cli.spaces import find
from hub.hardware import check_flavor, check_sleep, offered
from spaceport.actor import SYSTEM
from spaceport.ledger import spaces


def hardware(
    name: SpaceName,
    flavor: Annotated[str, typer.Argument(help="What it shall run on; else list all.")] = "",
    sleep: Annotated[
        int | None, typer.Option(metavar="SECONDS", help="Sleep when unused for so long; -1 never.")
    ] = None,
    data: Data = None,
) -> None:
    """Show or change what a Space runs on; the present version serves until it answers there."""
    with opened(data) as context:
        with context.ledger.write() as tx:
            space = find(tx, name)
            if flavor and check_flavor(context, SYSTEM, flavor, space.sdk) != space.flavor:
                spaces.set_flavor(tx, space.key, flavor)
            if sleep is not None:
                spaces.set_sleep(tx, space.key, check_sleep(sleep))
        if flavor or sleep is not None:
            say(f"{space.id} runs on {flavor or space.flavor}.")
            return
        rows = [
            (
                "*" if each.slug == space.flavor else "",
                each.slug,
                each.cpu_cores,
                each.memory_text,
                each.accelerator,
                each.price,
            )
            for each in offered(context)
        ]
    table(("", "HARDWARE", "CPUS", "MEMORY", "GPU", "DOLLARS AN HOUR"), rows)
