"""A Space as the ledger holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, select

from spaceport.ledger.origins import Origin
from spaceport.ledger.tables import accounts, spaces
from spaceport.names import SpaceId, SpaceKey
from spaceport.sdk import Sdk
from spaceport.stage import Wanted


class Visibility(StrEnum):
    PUBLIC = "public"
    PROTECTED = "protected"  # the app is public, the repository is not
    PRIVATE = "private"

    @property
    def of_previews(self) -> Visibility:
        """A branch is for those who may read the repository."""
        return Visibility.PUBLIC if self is Visibility.PUBLIC else Visibility.PRIVATE


@dataclass(frozen=True)
class Space:
    """A row of `spaces` with its owner's name. A preview has the id of the Space that it is of."""

    key: SpaceKey
    id: SpaceId
    owner_id: str
    creator_id: str
    host_label: str
    visibility: Visibility
    sdk: Sdk
    head: str | None
    card: Mapping[str, Any] | None
    wanted: Wanted
    flavor: str
    sleep_seconds: int | None
    settings_version: int
    restart_generation: int
    factory_generation: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    rolled_back_from: str | None = None
    skipped_builds: int = 0
    origin: Origin | None = None
    duplicable: bool = True  # for those who may only read it
    budget_spent: str | None = None  # the month, "2026-11", in which its owner's budget is spent
    parent_key: SpaceKey | None = None  # it is a preview of that Space
    ref: str | None = None  # of which it shows this ref
    used_at: datetime | None = None  # pushed to, woken or fallen asleep for the last time
    previews: bool = True  # whether its branches get previews
    discussions: bool = True  # whether it has discussions and pull requests

    @property
    def repository_key(self) -> SpaceKey:
        """Whose repository it is made of: a preview reads that of its Space. Rights and network
        policy, too, are those of that Space."""
        return self.parent_key or self.key

    @property
    def dormant(self) -> bool:
        """A preview that nobody visits: nothing is built or started for it."""
        return self.parent_key is not None and self.wanted is Wanted.ASLEEP

    def called(self, space_id: SpaceId) -> bool:
        """Whether this is its id, whatever the case."""
        return str(self.id).lower() == str(space_id).lower()

    @property
    def held(self) -> bool:
        """Whether it was rolled back and nothing was pushed since: what is built of the present
        head is not released."""
        return self.rolled_back_from is not None and self.rolled_back_from == (self.head or "")


def all_rows() -> Select[Any]:
    joined = spaces.join(accounts, accounts.c.id == spaces.c.owner_id)
    return select(spaces, accounts.c.name.label("author")).select_from(joined)


def space_of(row: Mapping[Any, Any]) -> Space:
    return Space(
        key=row["key"],
        id=SpaceId(row["author"], row["name"]),
        owner_id=row["owner_id"],
        creator_id=row["creator_id"],
        host_label=row["host_label"],
        visibility=Visibility(row["visibility"]),
        sdk=Sdk(row["sdk"]),
        head=row["head"],
        card=row["card"],
        wanted=Wanted(row["wanted"]),
        flavor=row["flavor"],
        sleep_seconds=row["sleep_seconds"],
        settings_version=row["settings_version"],
        restart_generation=row["restart_generation"],
        factory_generation=row["factory_generation"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        deleted_at=row["deleted_at"],
        rolled_back_from=row["rolled_back_from"],
        skipped_builds=row["skipped_builds"] or 0,
        origin=None if row["origin"] is None else Origin.from_json(row["origin"]),
        duplicable=row["duplicable"] is not False,
        budget_spent=row["budget_spent"],
        parent_key=row["parent_key"],
        ref=row["ref"],
        used_at=row["used_at"],
        previews=row["previews"] is not False,
        discussions=row["discussions"] is not False,
    )
