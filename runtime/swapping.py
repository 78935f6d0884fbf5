"""What one lane pushes out to swap: beside its other work, since that takes its time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from runtime import steps
from runtime.tools import Tools
from spaceport.engine import EngineDown, EngineRefused, NoSuchContainer
from spaceport.ledger.replicas import Replica
from spaceport.names import SpaceKey
from spaceport.states import ReplicaState

logger = logging.getLogger(__name__)


class Swapping:
    """Its memory may be lost: then what is out already is pushed out once more, which is nothing.

    `poke` is called when one has been pushed out.
    """

    def __init__(self, key: SpaceKey, tools: Tools, poke: Callable[[], None]) -> None:
        self._key = key
        self._tools = tools
        self._poke = poke
        self._done: set[str] = set()  # replica ids
        self._at_work: dict[str, asyncio.Task[None]] = {}  # by replica id

    def out(self, replica_id: str) -> bool:
        """Whether there is nothing left to do for one that is frozen."""
        return replica_id in self._done

    def under_way(self, step: steps.Step) -> bool:
        return isinstance(step, steps.SwapOut) and step.replica_id in self._at_work

    def keep_up(self, living: Mapping[str, Replica]) -> None:
        """One that was thawed is to be pushed out again after its next freeze."""
        held = {one.id for one in living.values() if one.state is ReplicaState.FROZEN}
        self._done &= held

    def begin(self, step: steps.SwapOut, unused: Callable[[], bool]) -> None:
        task = asyncio.create_task(self._push_out(step, unused))
        self._at_work[step.replica_id] = task

    async def close(self) -> None:
        for task in self._at_work.values():
            task.cancel()
        await asyncio.gather(*self._at_work.values(), return_exceptions=True)

    async def _push_out(self, step: steps.SwapOut, unused: Callable[[], bool]) -> None:
        try:
            await self._tools.publisher.freezer.swap_out(step.replica_id, step.handle, unused)
            self._done.add(step.replica_id)
        except (EngineDown, NoSuchContainer):
            pass  # the next look finds what there is
        except (EngineRefused, OSError) as error:
            logger.warning("replica %s stays in memory: %s", step.replica_id, error)
            self._done.add(step.replica_id)
        finally:
            self._at_work.pop(step.replica_id, None)
            self._poke()
