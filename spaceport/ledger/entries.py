"""The rules that variables and secrets share: names, sizes, counts, no clash (5.11 to 5.14)."""

from __future__ import annotations

import re

from sqlalchemy import Table, func, select

from spaceport.errors import Invalid
from spaceport.ledger.database import Tx
from spaceport.ledger.tables import secrets, variables
from spaceport.names import SpaceKey

MAX_NAME = 128
MAX_DESCRIPTION = 1000
MAX_TOTAL = 1024 * 1024
"""Linux starts no program whose environment and arguments together pass 2 MiB."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLATFORM = """ACCELERATOR CPU_CORES MEMORY OAUTH_CLIENT_ID OAUTH_CLIENT_SECRET OAUTH_SCOPES
    OPENID_PROVIDER_URL PORT SPACES_ZERO_GPU SPACE_AUTHOR_NAME SPACE_CREATOR_USER_ID SPACE_HOST
    SPACE_ID SPACE_REPO_NAME SPACE_SDK SPACE_TITLE SYSTEM"""
RESERVED = frozenset(_PLATFORM.split())
"""What the platform sets itself (spaces-behaviour 9)."""


def check_name(name: str) -> str:
    """Return `name`, or raise `Invalid` naming the rule that it breaks."""
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise Invalid(
            f"{name[:200]!r} cannot be the name of a variable or secret.",
            hint=f"Use letters, digits and '_', not beginning with a digit, at most {MAX_NAME}.",
        )
    if name in RESERVED:
        raise Invalid(f"{name} is set by Spaceport itself.", hint="Choose another name.")
    return name


def check_value(value: str, limit: int) -> str:
    """Return `value`, or raise `Invalid`: too long, or not a text that an environment can hold."""
    if "\0" in value:
        raise Invalid("A value cannot contain a NUL character.")
    try:
        length = len(value.encode())
    except UnicodeEncodeError as error:
        raise Invalid("The value is not valid Unicode text.") from error
    if length > limit:
        raise Invalid(f"The value has {length} bytes; at most {limit} are possible.")
    return value


def check_description(description: str | None) -> str | None:
    if description is not None and len(description) > MAX_DESCRIPTION:
        raise Invalid(f"A description has at most {MAX_DESCRIPTION} characters.")
    return description


def check_free(tx: Tx, key: SpaceKey, name: str, other: Table) -> None:
    """Raise `Invalid` when the `other` kind holds that name already (5.12)."""
    query = select(other.c.name).where(other.c.space_key == key, other.c.name == name)
    if tx.execute(query).first() is not None:
        raise Invalid(
            f"{name} is already a {other.name.removesuffix('s')} of this Space: "
            "collision on variables and secrets names.",
            hint=f"Delete that {other.name.removesuffix('s')} first, or choose another name.",
        )


def check_count(tx: Tx, key: SpaceKey, table: Table, limit: int) -> None:
    query = select(func.count()).select_from(table).where(table.c.space_key == key)
    if tx.execute(query).scalar_one() >= limit:
        raise Invalid(f"A Space has at most {limit} {table.name}.")


def check_total(tx: Tx, key: SpaceKey) -> None:
    """Raise `Invalid` when both kinds together are more than a process can be started with."""
    kinds = ((variables, variables.c.value), (secrets, secrets.c.sealed))
    total = 0
    for table, column in kinds:
        size = func.coalesce(func.sum(func.length(column)), 0)
        total += tx.execute(select(size).where(table.c.space_key == key)).scalar_one()
    if total > MAX_TOTAL:
        raise Invalid(
            f"All variables and secrets of a Space together have at most {MAX_TOTAL // 1024} KiB; "
            f"these would have {total // 1024}.",
            hint="Put what is large into a file of the repository, or fetch it at the start.",
        )


def clashes(tx: Tx, key: SpaceKey) -> list[str]:
    """Names that are both, which `set_` refuses; sorted."""
    both = variables.join(
        secrets,
        (variables.c.space_key == secrets.c.space_key) & (variables.c.name == secrets.c.name),
    )
    query = select(variables.c.name).select_from(both).where(variables.c.space_key == key)
    return sorted(tx.execute(query).scalars())
