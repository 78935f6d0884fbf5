"""Keep as many processes waiting as the policy says, and remove what nobody needs any more.

Level triggered, as everything here: each look reads the engine and the ledger anew. Containers that
wait outlive Spaceport, and the next one takes them over.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from runtime.prestart.kind import PORT, Kind, from_label, waiting_spec
from runtime.prestart.known import Known, read_known
from runtime.prestart.policy import EACH, Waiting, plan
from runtime.prestart.pool import Waiter
from runtime.secret_files import WAITING
from runtime.storage.keeping import PRESTARTED
from runtime.storage.needs import Needs
from runtime.tools import Tools
from spaceport.engine import LABEL_WAITING, ContainerState, EngineDown, Handle, Mount, Observed
from spaceport.errors import SpaceportError

logger = logging.getLogger(__name__)

READY_WITHIN = 120.0  # seconds for the imports
FAILED_FOR = 3600.0  # seconds without another try, after one ended by itself
AGAIN = 0.5  # seconds between looks while one is being prepared
LEAST = 1.0  # seconds between looks that others ask for


class Keeper:
    """`poke` it when something may have changed; `run` it on the loop."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._wake = asyncio.Event()

    def poke(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled; what was prepared goes on waiting."""
        while True:
            self._wake.clear()
            try:
                again = await self._tools.pools.run("engine", look, self._tools)
            except EngineDown:
                again = self._tools.settings.engine_retry
            except Exception:
                logger.exception("prepared processes could not be looked after")
                again = self._tools.settings.sweep
            await asyncio.sleep(min(again, LEAST))
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, again - LEAST)):
                    await self._wake.wait()


def look(tools: Tools) -> float:
    """Compare and repair once; after how many seconds to look again."""
    began, pool = time.monotonic(), tools.prestarted
    if tools.host.can_prestart is None:
        return LEAST  # what would be of use cannot be told yet
    found = {one.handle: one for one in tools.engine.list({}) if LABEL_WAITING in one.labels}
    if not found and not tools.settings.prestart.total:
        return tools.settings.sweep
    with tools.ledger.read() as tx:
        known = read_known(tx, tools)
    pool.forget_all_but(set(found))
    for one in tuple(found.values()):
        if pool.given_since(one.handle, began) or _may_stay(tools, one, known):
            continue
        if not pool.given_since(one.handle, began) and pool.drop(one.handle):
            tools.engine.remove(one.handle)
            del found[one.handle]
    _remove_folders(tools, found)
    return _follow_plan(tools, known)


def _may_stay(tools: Tools, one: Observed, known: Known) -> bool:
    """Whether it is a replica, waits for being one, or will wait."""
    pool, waiter = tools.prestarted, _waiter(tools, one)
    alive = one.state is not ContainerState.EXITED
    waits = alive and any(at.port == PORT for at in tools.engine.listening(one.handle))
    if one.handle in known.replicas:
        return not (waits and waiter.key.exists())  # it was noted, and then not told
    since = pool.prepared_for(one.handle)
    if waits:
        if since is not None or _takes_over(waiter, known):
            pool.add(waiter)
        return waiter in pool.ready()
    if alive and since is not None and since < READY_WITHIN:
        return True
    if since is not None or waiter in pool.ready():
        logger.warning("a process that was prepared for an app ended, or never waited for one")
        pool.drop(one.handle, failed=True)
    return False


def _takes_over(waiter: Waiter, known: Known) -> bool:
    """From before our start: of use, and never touched by a start."""
    try:
        untouched = waiter.key.is_file() and not any(waiter.code.iterdir())
    except OSError:
        return False
    return untouched and waiter.kind in known.kinds


def _waiter(tools: Tools, one: Observed) -> Waiter:
    kind, number = from_label(one.labels[LABEL_WAITING])
    return Waiter(one.handle, kind, tools.data / PRESTARTED / number)


def _remove_folders(tools: Tools, found: Mapping[Handle, Observed]) -> None:
    kept = {_waiter(tools, one).folder for one in found.values()}
    kept |= {waiter.folder for waiter in tools.prestarted.preparing()}
    with suppress(FileNotFoundError):
        for folder in (tools.data / PRESTARTED).iterdir():
            if folder not in kept:
                shutil.rmtree(folder, ignore_errors=True)
    for name in tools.secret_files.prepared() - {WAITING + folder.name for folder in kept}:
        tools.secret_files.discard(name)


def _follow_plan(tools: Tools, known: Known) -> float:
    """Drop what is too much, then prepare what is missing: one after the other, and not while an
    app starts, which would be slower for it."""
    pool, settings = tools.prestarted, tools.settings.prestart
    ready, preparing = pool.ready(), pool.preparing()
    starts = {kind: n for kind, n in known.starts.items() if not pool.has_failed(kind, FAILED_FOR)}
    waiting = [Waiting(one.handle, one.kind) for one in (*ready, *preparing)]
    decided = plan(starts, waiting, settings, free_memory())
    for handle in decided.drop:
        if pool.drop(handle):
            tools.engine.remove(handle)
    if preparing or decided.drop:
        return AGAIN  # what is left of those dropped goes with the next look
    if not decided.start:
        return tools.settings.sweep
    left = pool.last_start + settings.quiet - time.monotonic()
    if left <= 0:
        _prepare(tools, known.kinds[decided.start[0]])
    return max(AGAIN, left)


def _mounts(tools: Tools, kind: Kind, waiter: Waiter) -> tuple[Mount, ...]:
    """A disk of its own, noted before it is made, and a folder for its secrets."""
    found = tools.secret_files.prepare(waiter.secrets)
    need = None if kind.scratch is None else tools.storage.scratch_need(*kind.scratch)
    if need is None:
        return found
    waiter.scratch.write_text(need.id)
    return (*found, *tools.storage.mounts(Needs(scratch=need)))


def _prepare(tools: Tools, kind: Kind) -> None:
    number, key = secrets.token_hex(8), secrets.token_hex(16)
    folder = tools.data / PRESTARTED / number
    folder.mkdir(parents=True)
    (folder / "code").mkdir()
    (folder / "code").chmod(0o755)
    (folder / "key").touch(mode=0o600)
    (folder / "key").write_text(key)
    waiter = Waiter("", kind.name, folder)
    try:
        mounts = _mounts(tools, kind, waiter)
        handle = tools.engine.start(waiting_spec(kind, number, key, waiter.code, mounts))
    except EngineDown:
        raise
    except (SpaceportError, OSError) as error:
        logger.warning("no process can be prepared: %s", error)
        tools.prestarted.refused(kind.name)
        return
    tools.prestarted.prepare(replace(waiter, handle=handle))


def free_memory(file: Path = Path("/proc/meminfo")) -> int:
    """Bytes that the host could still give; plenty where that is not told."""
    with suppress(OSError, ValueError, IndexError):
        for line in file.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 100 * EACH
