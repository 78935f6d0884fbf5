"""The resolved versions of an environment: `name==version` lines, sorted.

Kept with the build, so that a rebuild of the same inputs is the same rebuild, and for a while in
the store, so that equal requirements of different Spaces meet in one environment.
"""

from __future__ import annotations

import time
from pathlib import Path

from builder.fingerprint import fingerprint
from builder.places import Places
from builder.plan.model import EnvironmentPlan
from spaceport.names import new_key

MAX_BYTES = 1024 * 1024
FORMAT = 1
"""Changes when what is made of a lock changes; old environments are then not used again."""


def environment_name(plan: EnvironmentPlan, lock: str, boot: str) -> str:
    """The fingerprint of everything that an environment's content depends on."""
    return fingerprint(
        format=FORMAT,
        base=[plan.base.reference, plan.base.python, plan.base.version],
        lock=sorted(lock.split("\n")),
        boot=boot,
        owner=plan.owner,
        content=plan.content,
        system=() if plan.shared else plan.system_packages,
    )


class LockStore:
    """Locks of shared environments, by inputs. Only resolutions that ran no code get here."""

    def __init__(self, places: Places, hours: float) -> None:
        self._folder = places.locks
        self._seconds = hours * 3600

    def get(self, inputs: str) -> str:
        """The lock, or nothing when it is older than the setting says."""
        file = self._file(inputs)
        try:
            if time.time() - file.stat().st_mtime > self._seconds:
                return ""
            return file.read_text()
        except FileNotFoundError:
            return ""

    def put(self, inputs: str, lock: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = self._folder / f"{new_key()}.partial"
        partial.write_text(lock)
        partial.replace(self._file(inputs))

    def forget(self, inputs: str) -> None:
        self._file(inputs).unlink(missing_ok=True)

    def _file(self, inputs: str) -> Path:
        return self._folder / f"{inputs}.txt"
