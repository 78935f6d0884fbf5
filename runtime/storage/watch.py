"""Looks every few seconds at what Spaces keep on the host's disk."""

from __future__ import annotations

import asyncio
import logging

from runtime.tools import Tools

logger = logging.getLogger(__name__)


class StorageWatch:
    """Level triggered: each look finds all that is to be done, whatever the last one did."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def run(self) -> None:
        """Until cancelled."""
        tools = self._tools
        while True:
            for look in (tools.storage.disks.keep_reserve, tools.storage.sweep):
                try:
                    await tools.pools.run("files", look)
                except Exception:
                    logger.exception("the storage could not be looked after")
            await asyncio.sleep(tools.settings.storage.watch)
