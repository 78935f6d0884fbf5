"""Installed dependencies, made once and shared by fingerprint.

    plan + lock → name → is it there? → else one container: resolve, install, bytecode
                                      → renamed into place, whole or not at all

An installation that runs no code works in the shared store; any other in a folder of its Space,
which nobody else ever sees. The finished folder is `environments/<name>/`: `venv/`, `boot/`,
`ready.json`; it belongs to nobody who runs code and is mounted read-only.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from builder import causes
from builder.failed import BuildFailed
from builder.folders import discard, fresh, give, is_plain, own, read_small
from builder.lock import MAX_BYTES, LockStore, environment_name
from builder.places import APP, CODE, ENVIRONMENT, TOOLS, WORK, Places
from builder.plan.model import EnvironmentPlan
from builder.step import Attempt, Steps
from builder.toolbox import Toolbox
from config.builder import BuilderSettings
from spaceport.cause import Cause
from spaceport.engine import Mount
from spaceport.failpoints import failpoint

MARKER = "ready.json"


@dataclass(frozen=True)
class Made:
    """`plan` is the one that was carried out: it may have turned out to need a private place."""

    name: str
    lock: str
    plan: EnvironmentPlan


class Environments:
    def __init__(
        self, places: Places, settings: BuilderSettings, steps: Steps, toolbox: Toolbox
    ) -> None:
        self._places = places
        self._settings = settings
        self._steps = steps
        self._toolbox = toolbox
        self._locks = LockStore(places, settings.lock_hours)
        self._turns = _Turns()

    def ready(self, plan: EnvironmentPlan, lock: str) -> Made | None:
        """The environment for these very versions, if it is there. Starts nothing."""
        name = environment_name(plan, lock, self._toolbox.boot)
        folder = self._places.environment(name)
        if not lock or not (folder / MARKER).is_file():
            return None
        os.utime(folder)  # in use from now on: the collector leaves what is young
        return Made(name, lock, plan)

    def known_lock(self, plan: EnvironmentPlan) -> str:
        """What equal requirements were resolved to not long ago; never for a private plan."""
        return self._locks.get(plan.inputs) if plan.shared else ""

    def make(
        self,
        plan: EnvironmentPlan,
        attempt: Attempt,
        *,
        lock: str = "",
        image: str = "",
        checkout: Path | None = None,
        anew: bool = False,
    ) -> Made:
        """Install, or wait for another build that installs the same.

        `lock` are versions to use; `image` replaces the base for a private installation;
        `checkout` is needed when the plan installs from the repository. `anew` trusts no cache
        of ours but that of single wheels. Raises `BuildFailed`, `TimeoutError`, `InterruptedError`.
        """
        with self._turns.take(plan.inputs, attempt.check):
            if not anew:
                lock = lock or self.known_lock(plan)
                found = self.ready(plan, lock)
                if found is not None:
                    attempt.say("These packages are installed already; nothing to do.")
                    return found
            try:
                made = self._install(plan, attempt, lock, image, checkout)
            except _NeedsSource:
                if not attempt.space_key:  # pre-warming: there is no private place for it
                    raise BuildFailed(causes.of_install(attempt.tail, sdk=plan.sdk)) from None
                attempt.say("Not everything comes as a wheel: installing on its own, from source.")
                return self._install(
                    replace(plan, owner=attempt.space_key), attempt, lock, image, checkout
                )
            if plan.shared:
                self._locks.put(plan.inputs, made.lock)
            return made

    def _install(
        self,
        plan: EnvironmentPlan,
        attempt: Attempt,
        lock: str,
        image: str,
        checkout: Path | None,
    ) -> Made:
        root = self._places.shared if plan.shared else self._places.private / plan.owner
        # The container's user gets the parts, never the folders that hold them: what it could
        # replace by a link would lead us elsewhere the next time.
        own(root)
        own(root / "jobs")
        give(root / "cache")
        if plan.shared:
            give(root / "bytecode")
        job = give(fresh(root / "jobs"))
        try:
            self._write_job(plan, job, lock)
            mounts = [Mount(root, WORK, read_only=False), Mount(self._toolbox.folder, TOOLS)]
            if checkout is not None and plan.content:
                mounts.append(Mount(checkout, CODE))
            attempt.tail.clear()
            status = self._steps.run(
                attempt,
                plan.base.reference if plan.shared or not image else image,
                (plan.base.python, "-I", "-S", f"{TOOLS}/install.py", f"{WORK}/jobs/{job.name}"),
                tuple(mounts),
                name="install",
                env={"UV_CACHE_DIR": f"{WORK}/cache"},
                working_dir="/",
            )
            failpoint("build:after-install")
            if status != 0:
                self._raise(plan, attempt)
            found = _read_lock(job / "lock.txt")
            name = environment_name(plan, found, self._toolbox.boot)
            self._put_in_place(job / "venv", name, plan, found)
            return Made(name, found, plan)
        finally:
            discard(job)

    def _write_job(self, plan: EnvironmentPlan, job: Path, lock: str) -> None:
        wanted = {
            "python": plan.base.python,
            "requirements": plan.requirements,
            "constraints": plan.constraints,
            "before": plan.before,
            "indexes": plan.indexes,
            "prerelease": plan.prerelease,
            "lock": lock,
            "index": self._settings.index_url,
            "shared": plan.shared,
            "bytecode": f"{WORK}/bytecode" if plan.shared else f"{WORK}/jobs/{job.name}/bytecode",
            "final": f"{ENVIRONMENT}/venv",
            "code": CODE if plan.content else "",
            "app": APP,
        }
        (job / "job.json").write_text(json.dumps(wanted))

    def _raise(self, plan: EnvironmentPlan, attempt: Attempt) -> None:
        if plan.shared and causes.needs_source(attempt.tail):
            raise _NeedsSource
        raise BuildFailed(causes.of_install(attempt.tail, sdk=plan.sdk))

    def _put_in_place(self, venv: Path, name: str, plan: EnvironmentPlan, lock: str) -> None:
        """Nothing that the container could still reach or replace is moved: it has ended."""
        if not is_plain(venv):
            raise BuildFailed.of(Cause.BUILD_FAILED, problem="the installation left nothing.")
        target = self._places.environment(name)
        partial = fresh(self._places.scratch)
        try:
            venv.rename(partial / "venv")
            self._toolbox.fill_boot(partial / "boot")
            about = {"base": plan.base.reference, "python": plan.base.version, "owner": plan.owner}
            (partial / MARKER).write_text(json.dumps({**about, "lock": lock}))
            failpoint("build:before-environment")
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                partial.rename(target)
            except OSError:
                if not (target / MARKER).is_file():
                    raise
            failpoint("build:after-environment")
        finally:
            discard(partial)


class _NeedsSource(Exception):
    """A package has no wheel, so that installing it runs its code."""


def _read_lock(file: Path) -> str:
    try:
        return read_small(file, MAX_BYTES).decode("utf-8", "replace")
    except OSError as error:
        problem = "the installation did not say what it installed."
        raise BuildFailed.of(Cause.BUILD_FAILED, problem=problem) from error


class _Turns:
    """One at a time for each key; the others wait, and may give up waiting."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def take(self, key: str, check: Callable[[], None]) -> Iterator[None]:
        with self._guard:
            turn, waiting = self._held.get(key, (threading.Lock(), 0))
            self._held[key] = (turn, waiting + 1)
        try:
            while not turn.acquire(timeout=0.2):
                check()
            try:
                yield
            finally:
                turn.release()
        finally:
            with self._guard:
                turn, waiting = self._held.pop(key)
                if waiting > 1:
                    self._held[key] = (turn, waiting - 1)
