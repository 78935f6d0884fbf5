"""What the GPUs of a Space are doing: the driver's tool is a script here."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

import pytest

from hub.api.metrics import metric
from hub.metrics import of_gpus
from hub.metrics.meter import Requests, Sample
from hub.metrics.of_gpus import ASK, GpuMeter, parse
from spaceport.engine import Usage

TOLD = """0, GPU-882fa930-1111-2222, 35, 1024, 15360
1, GPU-d901cd7f-3333-4444, [N/A], 0, 15360
a line that is no card
"""


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the script writes what it was asked, a line each time."""
    asked = tmp_path / "asked"
    script = tmp_path / "bin" / "nvidia-smi"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\necho "$@" >>{asked}\ncat <<END\n{TOLD}END\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    return asked


def test_a_space_is_told_of_its_own_cards_only(driver: Path) -> None:
    meter, usage = GpuMeter(), Usage(1.0, 50)
    before, now = (
        Sample(at, "r1", usage, Requests(), meter.look(["GPU-882fa930-1111-2222"]))
        for at in (1.0, 2.0)
    )
    assert metric(deque([before, now]), cpus=1.0)["gpus"] == {
        "882fa930": {
            "utilization": 35,
            "memory_used_bytes": 1024 << 20,
            "memory_total_bytes": 15360 << 20,
        }
    }


def test_many_who_look_at_once_ask_the_driver_once(
    driver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_gpus, "FRESH", 3600)
    meter = GpuMeter()
    assert [card.index for card in meter.look(["0"])] == ["0"]
    assert [card.index for card in meter.look(["1"])] == ["1"]
    assert meter.look([]) == ()
    assert driver.read_text().splitlines() == [" ".join(ASK[1:])]


def test_where_there_is_no_driver_nothing_is_told_and_it_is_left_alone(tmp_path: Path) -> None:
    asked = []

    def absent() -> str:
        asked.append(1)
        raise FileNotFoundError("nvidia-smi")

    meter = GpuMeter(absent)
    assert meter.look(["0"]) == meter.look(["0"]) == ()
    assert len(asked) == 1


def test_what_a_card_does_not_tell_is_nothing() -> None:
    assert [card.utilization for card in parse(TOLD)] == [35, 0]
