"""The commands, and how their errors look: sentence and hint, exit code 1; 2 for wrong usage."""

from __future__ import annotations

import os
import sys

import typer
from rich.console import Console
from sqlalchemy.exc import DBAPIError

from hub.cli import (
    billing,
    disk,
    doctor,
    duplicate,
    gc,
    git,
    grants,
    hardware,
    keys,
    moves,
    network,
    orgs,
    previews,
    releases,
    secrets,
    serve,
    spaces,
    storage,
    tokens,
    users,
)
from spaceport.errors import SpaceportError

app = typer.Typer(
    name="spaceport",
    help="Self-hosted Spaces: push a repository, get a running app.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(serve.serve)
app.add_typer(users.app, name="user")
app.add_typer(tokens.app, name="token")
app.add_typer(keys.app, name="key")
app.add_typer(orgs.app, name="org")
spaces.app.command()(releases.releases)
spaces.app.command()(releases.rollback)
spaces.app.command()(disk.disk)
spaces.app.command()(previews.previews)
spaces.app.command()(previews.set_secret)
spaces.app.command()(duplicate.duplicate)
spaces.app.command()(moves.move)
spaces.app.command()(hardware.hardware)
spaces.app.command()(network.network)
spaces.app.command()(storage.storage)
app.add_typer(spaces.app, name="space")
app.add_typer(billing.app, name="billing")
app.add_typer(grants.app, name="grant")
app.add_typer(storage.buckets, name="bucket")
app.add_typer(secrets.app, name="secrets")
app.add_typer(git.app, name="git")
app.command()(doctor.doctor)
app.command()(gc.gc)


def main() -> None:
    """The console script."""
    try:
        app()
    except SpaceportError as error:
        fail(str(error), error.hint)
    except DBAPIError as error:
        fail(f"The ledger cannot be used: {error.orig}", "Is it another version's, or damaged?")
    except BrokenPipeError:
        # Whoever read our output has gone, as in `spaceport space logs ... | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        fail(f"{error.filename or 'The system'}: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit(130)


def fail(message: str, hint: str = "") -> None:
    """Say what is wrong, and end with exit code 1."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"Error: {message}", style="bold red", markup=False)
    if hint:
        console.print(hint, markup=False)
    sys.exit(1)
