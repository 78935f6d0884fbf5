"""Every table. Statements stay valid on SQLite and PostgreSQL; changes need a migration."""

from __future__ import annotations

from spaceport.ledger.tables.accounts import (
    accounts,
    invitations,
    memberships,
    sessions,
    ssh_keys,
    tokens,
)
from spaceport.ledger.tables.base import metadata
from spaceport.ledger.tables.billing import budgets, usage
from spaceport.ledger.tables.discussions import discussion_entries, discussions
from spaceport.ledger.tables.egress import egress
from spaceport.ledger.tables.facts import facts
from spaceport.ledger.tables.figures import figures
from spaceport.ledger.tables.hardware import grants, waiting
from spaceport.ledger.tables.large import file_locks, large_objects, large_uploads
from spaceport.ledger.tables.log import cursors, dead_letters, events
from spaceport.ledger.tables.moves import former_ids
from spaceport.ledger.tables.previews import passed_previews
from spaceport.ledger.tables.spaces import secrets, spaces, variables
from spaceport.ledger.tables.volumes import disks, volumes
from spaceport.ledger.tables.work import builds, pushes, releases, replicas

__all__ = [
    "accounts",
    "budgets",
    "builds",
    "cursors",
    "dead_letters",
    "discussion_entries",
    "discussions",
    "disks",
    "egress",
    "events",
    "facts",
    "figures",
    "file_locks",
    "former_ids",
    "grants",
    "invitations",
    "large_objects",
    "large_uploads",
    "memberships",
    "metadata",
    "passed_previews",
    "pushes",
    "releases",
    "replicas",
    "secrets",
    "sessions",
    "spaces",
    "ssh_keys",
    "tokens",
    "usage",
    "variables",
    "volumes",
    "waiting",
]
