"""`spaceport secrets ...`."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.common import Data, confirm, opened, say
from spaceport.ledger.incident import revoke_all
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


@app.command()
def incident(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
) -> None:
    """After a break-in: revoke every token, session and invitation, and seal all secrets anew.

    Everybody signs in again with the password, and makes new tokens. SSH keys and passwords stay.
    """
    with opened(data) as context:
        confirm("Revoke every token, session and invitation of everybody?", yes)
        with context.ledger.write() as tx:
            gone = revoke_all(tx)
        done = rotate(context.ledger, context.keyring)
        context.ledger.fold()
        folder = context.data / "keys"
    say(f"Revoked {gone.tokens} tokens, {gone.sessions} sessions, {gone.invitations} invitations.")
    say(f"Sealed {done.secrets} secrets with the new key {done.key}; keep a copy of {folder}.")
    say(
        f"{gone.ssh_keys} SSH keys stay: their owners should look through them. Values of secrets "
        "that may have been read must be replaced where they were issued, and then here."
    )
