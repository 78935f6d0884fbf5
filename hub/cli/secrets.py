"""`spaceport secrets ...`."""

from __future__ import annotations

import typer

from hub.cli.common import Data, opened, say
from spaceport.ledger.rotation import rotate

app = typer.Typer(help="The sealing of the Spaces' secrets.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The sealing of the Spaces' secrets."""


@app.command("rotate-key")
def rotate_key(data: Data = None) -> None:
    """Seal every secret with a new key and remove the old one, while everything runs.

    What was interrupted is taken up again by running this, or starting the server, once more.
    """
    with opened(data) as context:
        done = rotate(context.ledger, context.keyring)
        folder = context.data / "keys"
    say(f"Sealed {done.secrets} secrets with the new key {done.key}; keep a copy of {folder}.")
