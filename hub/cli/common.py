"""What the commands share: where the data is, opening it, and how lists are printed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from config.settings import Settings, load
from hub.context import HubContext
from hub.parts import make_data_folder, open_installation
from spaceport.errors import Invalid
from spaceport.ledger import Ledger
from spaceport.names import SpaceId

Data = Annotated[
    Path | None,
    typer.Option("--data", help="The data folder; also SPACEPORT_DATA.", show_default=False),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="A YAML file with settings; also SPACEPORT_CONFIG."),
]
SpaceName = Annotated[str, typer.Argument(metavar="AUTHOR/NAME", help="The Space.")]
UserName = Annotated[str, typer.Argument(metavar="USER", help="The user's name.")]


def settings_of(data: Path | None, config: Path | None = None, **flags: Any) -> Settings:
    """The settings of a command. Raises `Misconfigured` with every mistake."""
    given = {name: value for name, value in flags.items() if value is not None}
    if data is not None:
        given["data"] = data
    return load(given, config)


@contextmanager
def opened(data: Path | None) -> Iterator[HubContext]:
    """Everything in the data folder, beside a server that may be running on it."""
    installation = open_installation(settings_of(data))
    try:
        yield installation.context
    finally:
        installation.close()


@contextmanager
def ledger_of(data: Path | None) -> Iterator[Ledger]:
    """The ledger alone, for commands that need no more."""
    settings = settings_of(data)
    make_data_folder(settings.data)
    ledger = Ledger(settings.database_url)
    try:
        yield ledger
    finally:
        ledger.close()


def space_id(text: str) -> SpaceId:
    return SpaceId.parse(text)


def say(text: str) -> None:
    """One line for the person, or the program, that asked."""
    typer.echo(text)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table for people; tab-separated lines without a heading where a program reads."""
    lines = [[_cell(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        for line in lines:
            typer.echo("\t".join(line))
        return
    shown = Table(box=None, pad_edge=False)
    for column in columns:
        shown.add_column(column, overflow="fold")
    for line in lines:
        shown.add_row(*line)
    Console(highlight=False, markup=False).print(shown)


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if value is None:
        return "-"
    return "".join(char if char.isprintable() else " " for char in str(value))


def confirm(question: str, yes: bool) -> None:
    """Ask, unless `--yes` was given. Raises `Invalid` where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Invalid("This needs your word.", hint="Add --yes.")
    typer.confirm(question, abort=True)
