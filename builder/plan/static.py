"""Static Spaces: the revision itself, or what its build command makes of it (3.5, 3.6)."""

from __future__ import annotations

from builder.files import Read
from builder.plan.app_file import require
from builder.plan.model import FolderPlan
from spaceport.card import Card


def plan(card: Card, read: Read) -> FolderPlan:
    """Raises `BuildFailed` with NO_APP_FILE, unless a command is still to make the file."""
    app_file = card.app_file_or_default
    if not card.app_build_command:
        require(app_file, read)
    return FolderPlan(app_file=app_file, command=card.app_build_command)
