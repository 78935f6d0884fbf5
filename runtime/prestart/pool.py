"""Which containers are being prepared, wait, or were given away: in memory, and all of it can be
found again by looking at the engine and the ledger. Safe to use from many threads."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from runtime.secret_files import WAITING
from runtime.storage.keeping import SCRATCH
from spaceport.engine import Handle


@dataclass(frozen=True)
class Waiter:
    """A container that waits, or will in a moment, and the folder of its own on the host."""

    handle: Handle
    kind: str
    folder: Path

    @property
    def code(self) -> Path:
        """What is mounted where an app's code is: empty until it becomes one."""
        return self.folder / "code"

    @property
    def key(self) -> Path:
        """A file with what an order begins with; there until the order was given."""
        return self.folder / "key"

    @property
    def scratch(self) -> Path:
        """A file with the id of its disk, where it has one (`storage.keeping`)."""
        return self.folder / SCRATCH

    @property
    def secrets(self) -> str:
        """The name of the folder of its secrets: empty until it becomes an app."""
        return WAITING + self.folder.name


class Pool:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._preparing: dict[Handle, tuple[Waiter, float]] = {}  # with when it began
        self._ready: dict[Handle, Waiter] = {}
        self._given: dict[Handle, float] = {}  # until when a start was busy with it
        self._failed: dict[str, float] = {}  # kind → when one ended by itself
        self.last_start = -math.inf  # of any app, by the monotonic clock

    def prepare(self, waiter: Waiter) -> None:
        with self._lock:
            self._preparing[waiter.handle] = (waiter, time.monotonic())

    def add(self, waiter: Waiter) -> None:
        """It waits from now on, for whoever takes it; nothing if somebody has."""
        with self._lock:
            if waiter.handle in self._given:
                return
            self._preparing.pop(waiter.handle, None)
            self._ready[waiter.handle] = waiter

    def take(self, kind: str) -> Waiter | None:
        """One that nobody else gets any more. Call `taken_care_of` afterwards."""
        with self._lock:
            for handle, waiter in self._ready.items():
                if waiter.kind == kind:
                    del self._ready[handle]
                    self._given[handle] = math.inf
                    return waiter
        return None

    def taken_care_of(self, waiter: Waiter, *, unused: bool) -> None:
        """The ledger says by now what became of it, or it is `unused` and waits on."""
        with self._lock:
            self._given[waiter.handle] = time.monotonic()
            if unused:
                del self._given[waiter.handle]
                self._ready[waiter.handle] = waiter

    def drop(self, handle: Handle, *, failed: bool = False) -> bool:
        """Nobody gets it any more; false when somebody has it already. `failed`: by itself, and
        the next of its kind would too."""
        with self._lock:
            if self._given.get(handle) == math.inf:
                return False
            known = self._ready.pop(handle, None) or self._preparing.pop(handle, (None, 0.0))[0]
            if failed and known is not None:
                self._failed[known.kind] = time.monotonic()
            return True

    def refused(self, kind: str) -> None:
        """The engine would not start one."""
        with self._lock:
            self._failed[kind] = time.monotonic()

    def ready(self) -> list[Waiter]:
        with self._lock:
            return list(self._ready.values())

    def prepared_for(self, handle: Handle) -> float | None:
        """Seconds since its preparation began; None: it is not being prepared."""
        with self._lock:
            found = self._preparing.get(handle)
            return None if found is None else time.monotonic() - found[1]

    def preparing(self) -> list[Waiter]:
        with self._lock:
            return [waiter for waiter, _ in self._preparing.values()]

    def gave(self, handle: Handle) -> bool:
        """Whether it became an app's, as far as this process knows."""
        with self._lock:
            return handle in self._given

    def given_since(self, handle: Handle, moment: float) -> bool:
        """Whether a start had it at `moment` or later: what was read before is out of date."""
        with self._lock:
            return self._given.get(handle, -math.inf) >= moment

    def has_failed(self, kind: str, within: float) -> bool:
        with self._lock:
            return time.monotonic() - self._failed.get(kind, -math.inf) < within

    def forget_all_but(self, handles: set[Handle]) -> None:
        """These are the containers that there are."""
        with self._lock:
            self._ready = {one: at for one, at in self._ready.items() if one in handles}
            self._preparing = {one: at for one, at in self._preparing.items() if one in handles}
            self._given = {
                one: at for one, at in self._given.items() if one in handles or at == math.inf
            }
