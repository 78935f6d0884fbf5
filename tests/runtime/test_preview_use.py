"""What counts as the last use of a preview: it sleeps again also when nothing serves."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from config.catalogue import Catalogue
from config.runtime import RuntimeSettings
from runtime.relief import Relief
from runtime.tools import Host, NoTraffic
from runtime.use import Use, use_of
from spaceport.ledger.overview import Overview
from tests.runtime.rows import space


def used(**changes: Any) -> Use:
    row = space(sleep_seconds=900, **changes)
    tools: Any = SimpleNamespace(
        settings=RuntimeSettings(),
        catalogue=Catalogue.load(),
        traffic=NoTraffic(),
        host=Host(),
        relief=Relief(RuntimeSettings().memory),
        began=time.time() - 7200,
    )
    return use_of(Overview(row, None, None, None, ()), tools)


def test_a_space_of_which_nothing_serves_is_left_alone() -> None:
    assert used() == Use()


def test_a_preview_counts_from_when_it_was_woken() -> None:
    found = used(
        parent_key="p" * 24, ref="refs/heads/x", used_at=datetime.now(UTC) - timedelta(hours=1)
    )
    assert found.idle_seconds == pytest.approx(3600, abs=60)
    assert found.sleep_after == 900
