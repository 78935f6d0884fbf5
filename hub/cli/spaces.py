"""`spaceport space ...`."""

from __future__ import annotations

from typing import Annotated, TypeVar

import typer

from hub import previews
from hub.cli.common import Data, SpaceName, confirm, opened, say, space_id, table
from hub.cli.logs import Kind, show_log
from hub.context import HubContext
from hub.create_space import NewSpace, create_space
from hub.delete_space import delete_space
from spaceport.actor import SYSTEM
from spaceport.errors import Invalid, NotFound
from spaceport.ledger import Tx, spaces
from spaceport.ledger.overview import Overview, overview
from spaceport.ledger.spaces import Space, Visibility
from spaceport.sdk import Sdk
from spaceport.stage import Wanted

E = TypeVar("E", Sdk, Visibility)
app = typer.Typer(help="Spaces.", no_args_is_help=True)


@app.command()
def create(
    name: SpaceName,
    sdk: Annotated[str, typer.Option(metavar="gradio|streamlit|docker|static")],
    visibility: Annotated[str, typer.Option(metavar="public|protected|private")] = "public",
    hardware: Annotated[str, typer.Option(help="A flavour of the catalogue.")] = "cpu-basic",
    license: Annotated[str, typer.Option(help="For the README, such as apache-2.0.")] = "",
    short_description: Annotated[str, typer.Option(help="At most 60 characters.")] = "",
    data: Data = None,
) -> None:
    """Make a Space with its first commit; prints where to push to."""
    wanted = space_id(name)
    with opened(data) as context:
        space = create_space(
            context,
            SYSTEM,
            NewSpace(
                wanted.author,
                wanted.name,
                choice(sdk, Sdk),
                visibility=choice(visibility, Visibility),
                flavor=hardware,
                license=license,
                short_description=short_description,
            ),
        )
        say(f"Made {space.id}. Clone it, add {space.sdk.default_app_file}, push:")
        say(f"  git clone {context.page_url(space)}")


SpaceOrPreview = Annotated[
    str,
    typer.Argument(metavar="AUTHOR/NAME[@BRANCH]", help="The Space, or its preview of a branch."),
]


@app.command("list")
def list_(
    author: Annotated[str | None, typer.Option(help="Only this account's.")] = None,
    data: Data = None,
) -> None:
    """List Spaces, the latest change first."""
    with opened(data) as context, context.ledger.read() as tx:
        views = [overview(tx, space.key) for space in spaces.search(tx, author=author)]
    table(
        ("SPACE", "SDK", "VISIBILITY", "STAGE", "CHANGED"),
        (
            (
                view.space.id,
                view.space.sdk.value,
                view.space.visibility.value,
                view.standing.stage.value,
                view.space.updated_at,
            )
            for view in views
        ),
    )


@app.command()
def info(name: SpaceOrPreview, data: Data = None) -> None:
    """Show a Space: its addresses, stage, and why it is not running."""
    with opened(data) as context:
        with context.ledger.read() as tx:
            view = overview(tx, find_any(tx, name).key)
        table(("", ""), _lines(context, view))


@app.command()
def logs(
    name: SpaceOrPreview,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    build: Annotated[bool, typer.Option("--build", help="The build's log.")] = False,
    previous: Annotated[
        bool, typer.Option("--previous", help="Of the run or build before the newest.")
    ] = False,
    data: Data = None,
) -> None:
    """Print the log of the app, or of its build."""
    with opened(data) as context:
        with context.ledger.read() as tx:
            space = find_any(tx, name)
        kind: Kind = "build" if build else "run"
        show_log(context, space, kind, follow=follow, previous=previous)


@app.command()
def pause(name: SpaceOrPreview, data: Data = None) -> None:
    """Stop a Space until it is restarted."""
    with opened(data) as context, context.ledger.write() as tx:
        spaces.want(tx, _running(tx, name).key, Wanted.PAUSED)
    say(f"Paused {name}.")


@app.command()
def restart(
    name: SpaceOrPreview,
    factory: Annotated[bool, typer.Option("--factory", help="Build anew, without cache.")] = False,
    data: Data = None,
) -> None:
    """Start a Space anew; a paused one runs again."""
    with opened(data) as context, context.ledger.write() as tx:
        spaces.restart(tx, _running(tx, name).key, factory=factory)
    say(f"Restarting {name}.")


@app.command()
def wake(name: SpaceOrPreview, data: Data = None) -> None:
    """Wake a sleeping Space, as a visit does."""
    with opened(data) as context, context.ledger.write() as tx:
        space = _running(tx, name)
        if space.wanted is Wanted.PAUSED:
            raise Invalid(f"{name} is paused.", hint=f"Run: spaceport space restart {name}")
        woken = spaces.wake(tx, space.key)
    say(f"Waking {name}." if woken else f"{name} does not sleep.")


@app.command()
def delete(
    name: SpaceName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
) -> None:
    """Delete a Space with its repository, for good."""
    with opened(data) as context:
        with context.ledger.read() as tx:
            space = find(tx, name)
        confirm(f"Delete {space.id} with its repository, for good?", yes)
        delete_space(context, SYSTEM, space.id)
    say(f"Deleted {space.id}.")


def find_any(tx: Tx, name: str) -> Space:
    """The Space of that name, or its preview for `author/name@branch`. Raises `NotFound`."""
    whose, at, branch = name.partition("@")
    found = find(tx, whose)
    return previews.find(tx, found.key, branch) if at else found


def find(tx: Tx, name: str) -> Space:
    """The Space of that name, never a preview. Raises `NotFound`."""
    found = spaces.by_id(tx, space_id(name))
    if found is None:
        raise NotFound(
            f"There is no Space {name!r}.", hint="'spaceport space list' shows which there are."
        )
    return found


def _running(tx: Tx, name: str) -> Space:
    """A Space that has something to pause and restart."""
    found = find_any(tx, name)
    if found.sdk is Sdk.STATIC and found.ref is None:
        raise Invalid(f"{name} is static: its files are served, nothing runs.")
    return found


def _lines(context: HubContext, view: Overview) -> list[tuple[str, object]]:
    space, standing = view.space, view.standing
    lines: list[tuple[str, object]] = [
        ("Space", space.id),
        ("Page", context.page_url(space)),
        ("App", context.app_url(space)),
        *([("Preview of", space.ref)] if space.ref else []),
        ("Stage", standing.stage.value),
    ]
    if standing.explanation is not None:
        lines += [("Why", standing.explanation.sentence), ("Hint", standing.explanation.hint)]
    lines += [
        ("SDK", space.sdk.value),
        ("Hardware", "-" if space.sdk is Sdk.STATIC else space.flavor),
        ("Visibility", space.visibility.value),
        ("Revision", space.head),
        ("Serving", view.live.revision if view.live and view.serving else None),
        ("Made", space.created_at),
        ("Changed", space.updated_at),
        ("Key", space.key),
    ]
    return lines


def choice(text: str, kind: type[E]) -> E:
    """The member of `kind` that is written so. Raises `Invalid` with all there are."""
    try:
        return kind(text)
    except ValueError:
        raise Invalid(f"There is no {text!r}.", hint=f"Choose one of: {', '.join(kind)}.") from None
