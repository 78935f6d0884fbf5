"""Logs of containers of either engine: in order, from where one was, and not without end."""

from __future__ import annotations

import pytest

from tests.contracts.conftest import Rig

pytestmark = pytest.mark.engine


def test_logs_are_followed_to_the_end_with_stamps(rig: Rig) -> None:
    code = "import time\nfor n in range(5): print('line', n); time.sleep(0.05)"
    handle = rig.started(code)
    lines = list(rig.engine.logs(handle))
    assert [line.text for line in lines] == [f"line {n}" for n in range(5)]
    stamps = [line.stamp for line in lines]
    assert stamps == sorted(set(stamps))
    assert all(stamp.endswith("Z") and "T" in stamp for stamp in stamps)


def test_logs_since_leaves_out_what_is_known(rig: Rig) -> None:
    handle = rig.started("for n in range(5): print(n)")
    lines = list(rig.engine.logs(handle))
    for at in range(5):
        rest = rig.engine.logs(handle, since=lines[at].stamp)
        assert [line.text for line in rest] == [line.text for line in lines[at + 1 :]]


def test_logs_are_capped(rig: Rig) -> None:
    handle = rig.started("for n in range(400_000): print('%0100d' % n)")
    rig.engine.wait(handle)
    kept = list(rig.engine.logs(handle))
    assert kept[-1].text == "399999".zfill(100)
    assert len(kept) < 200_000
