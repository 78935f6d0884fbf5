"""Named points at which a test may end, stop or fail the process (security contract 5.11).

In production this is one dictionary look-up. `SPACEPORT_FAILPOINTS` arms points for a process:
`push:after-pack-rename=exit;build:before-commit=raise`. Actions: `exit` (like `kill -9`), `raise`
(an `OSError`), `nospace` (`ENOSPC`), `wait:FILE` (block while FILE exists).
"""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

_ARMED: dict[str, str] = dict(
    entry.split("=", 1)
    for entry in os.environ.get("SPACEPORT_FAILPOINTS", "").split(";")
    if "=" in entry
)


def failpoint(name: str) -> None:
    """Mark a durable step. Does nothing unless a test armed `name`."""
    action = _ARMED.get(name) if _ARMED else None
    if action is not None:
        _act(name, action)


def arm(name: str, action: str) -> None:
    """Arm a point of this very process (unit tests)."""
    _ARMED[name] = action


def disarm(name: str) -> None:
    _ARMED.pop(name, None)


def _act(name: str, action: str) -> None:
    if action == "exit":
        os._exit(137)
    if action == "raise":
        raise OSError(errno.EIO, f"failpoint {name}")
    if action == "nospace":
        raise OSError(errno.ENOSPC, f"failpoint {name}")
    if action.startswith("wait:"):
        barrier = Path(action.removeprefix("wait:"))
        (barrier.parent / f"{barrier.name}.reached").touch()
        while barrier.exists():
            time.sleep(0.01)
