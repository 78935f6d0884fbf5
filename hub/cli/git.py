"""`spaceport git`: the git server alone."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from config.address import HostPort
from hub.cli.common import Data, say
from spaceport.errors import Misconfigured

app = typer.Typer(help="Serve a folder of git repositories, without hub or users.")


@app.callback()
def git() -> None:
    """Keeps `serve` a command of its own."""


@app.command()
def serve(
    root: Annotated[Path, typer.Option(metavar="DIR", help="The folder with the repositories.")],
    http: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to listen.")
    ] = "127.0.0.1:8090",
    data: Data = None,
) -> None:
    """Serve every repository below DIR over smart HTTP, as `git http-backend` does.

    Each repository's own configuration and hooks decide. Anybody who reaches the address may read;
    pushing needs `git config http.receivepack true` in the repository. With --data, finished
    answers are kept there for the next start; nothing else of a data folder is used.
    """
    from gitserver.plain.serve import run  # the other commands do not need it

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        address = HostPort.model_validate(http)
    except ValidationError as error:
        raise Misconfigured(
            f"{http!r} is no address.", hint="Write it as HOST:PORT, for example 127.0.0.1:8090."
        ) from error
    run(root, address.host, address.port, say, cache=data and data / "cache" / "plain")
