"""`spaceport space storage` and `spaceport bucket ...`."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.common import Data, SpaceName, confirm, opened, say, table
from hub.cli.spaces import find
from hub.context import HubContext
from hub.storage import choose_tier
from hub.storage_use import use_of
from spaceport.errors import Invalid, NotFound
from spaceport.ledger import accounts, volumes
from spaceport.ledger.volumes import Disk, size_text

buckets = typer.Typer(help="Buckets: storage that Spaces of one owner share.", no_args_is_help=True)


def storage(
    name: SpaceName,
    tier: Annotated[str, typer.Option(help="Give it this tier, or let it grow to it.")] = "",
    delete: Annotated[bool, typer.Option("--delete", help="Delete it with its files.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
) -> None:
    """Show the persistent storage of a Space, give it some, or delete it."""
    if tier and delete:
        raise Invalid("Choose a tier or delete the storage, not both at once.")
    with opened(data) as context:
        with context.ledger.read() as tx:
            space = find(tx, name)
            disk = volumes.of_space(tx, space.key)
        if delete:
            _delete(context, name, disk, yes)
        elif tier:
            with context.ledger.write() as tx:
                disk, changed = choose_tier(tx, context, find(tx, name), tier)
            say(f"{name} has {size_text(disk.size)} at {volumes.MOUNT} ({disk.tier}).")
            say("Its app restarts with it." if changed else "It had that already.")
        elif disk is None:
            say(f"{name} has no persistent storage.")
        else:
            use = use_of(context, disk)
            say(f"{name} has {size_text(disk.size)} at {volumes.MOUNT} ({disk.tier}).")
            say(use.sentence)


def _delete(context: HubContext, name: str, disk: Disk | None, yes: bool) -> None:
    if disk is None:
        raise Invalid(f"{name} has no persistent storage.")
    confirm(f"Delete the storage of {name} with everything in it, for good?", yes)
    with context.ledger.write() as tx:
        volumes.remove(tx, find(tx, name).key)
    say(f"Deleted the storage of {name}. Its app restarts without.")


@buckets.command("list")
def list_(data: Data = None) -> None:
    """List the buckets and how full they are."""
    with opened(data) as context:
        with context.ledger.read() as tx:
            found = [
                (accounts.get(tx, disk.owner_id).name, disk)
                for disk in volumes.all_disks(tx)
                if disk.name is not None and disk.deleted_at is None
            ]
        rows = [
            (f"{owner}/{disk.name}", size_text(disk.size), use_of(context, disk).sentence)
            for owner, disk in found
        ]
    table(("BUCKET", "SIZE", "USE"), rows)


@buckets.command()
def delete(
    name: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The bucket.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
) -> None:
    """Delete a bucket with its files; no Space may mount it any more."""
    owner, _, short = name.partition("/")
    with opened(data) as context:
        confirm(f"Delete the bucket {name} with everything in it, for good?", yes)
        with context.ledger.write() as tx:
            account = accounts.by_name(tx, owner)
            found = volumes.bucket(tx, account.id, short) if account else None
            if found is None:
                raise NotFound(f"There is no bucket {name!r}.", hint="See 'spaceport bucket list'.")
            volumes.remove_bucket(tx, found)
    say(f"Deleted the bucket {name}.")
