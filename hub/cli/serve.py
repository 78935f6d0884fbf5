"""`spaceport serve`."""

from __future__ import annotations

import logging
from typing import Annotated, Any

import typer

from hub.cli.common import Config, Data, say, settings_of

Address = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where to listen.")]


def serve(
    config: Config = None,
    data: Data = None,
    http: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve hub, git and apps here [127.0.0.1:8080]."),
    ] = None,
    ssh: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="Serve git over SSH here; off for nowhere [127.0.0.1:2222]."
        ),
    ] = None,
    domain: Annotated[
        str | None, typer.Option(help="Apps are at <author>-<name>.DOMAIN [localhost].")
    ] = None,
    url: Annotated[str | None, typer.Option(help="The hub's origin as browsers type it.")] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="auto|docker|process", help="What apps run on [auto].")
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="The ledger's SQLAlchemy URL [SQLite in the data folder].")
    ] = None,
    objects: Annotated[
        str | None,
        typer.Option(help="Large files: a folder, or s3://BUCKET [objects in the data folder]."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell more.")] = False,
) -> None:
    """Serve until told to stop; prints the hub's address and, at first, a link to sign up."""
    from hub.assembly import serve as run  # the other commands do not need all rooms

    level = logging.DEBUG if verbose else logging.INFO
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=level, format=form)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # its steps say nothing to operators
    flags: dict[str, Any] = {"http": http, "ssh": ssh, "domain": domain, "url": url}
    flags |= {"database": database, "objects": objects}
    if engine is not None:
        flags["engine"] = {"kind": engine}
    run(settings_of(data, config, **flags), say)
