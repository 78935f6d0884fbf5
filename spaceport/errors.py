"""The errors that a person may see.

SpaceportError
├── NotFound          nothing there, or nothing that this actor may know of
├── Forbidden         visible, but this action is not allowed
├── Conflict          it exists already, or it changed meanwhile
├── Invalid           the request itself is wrong
├── BudgetSpent       it would cost more than its owner wants to spend
├── Unavailable       right now a part of the system cannot do it; try again
└── Misconfigured     the operator has to mend something
"""

from __future__ import annotations


class SpaceportError(Exception):
    """What happened and why (`str(error)`), and what to do next (`hint`)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class NotFound(SpaceportError):
    """Raised when there is no such thing, or none that the actor may know of."""


class Forbidden(SpaceportError):
    """Raised when the actor may see the thing but not do this to it."""


class Conflict(SpaceportError):
    """Raised when a name is taken or a compare-and-swap lost."""


class Invalid(SpaceportError):
    """Raised for a value that breaks a rule; the message names the rule."""


class BudgetSpent(SpaceportError):
    """Raised when something would cost money that its owner does not want to spend."""


class Unavailable(SpaceportError):
    """Raised when a part is down or full and the same call may succeed later."""


class Misconfigured(SpaceportError):
    """Raised at start, for the operator."""
