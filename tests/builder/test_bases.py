"""Which Python a Space gets."""

from __future__ import annotations

import pytest

from builder.bases import Base, RememberedBases, choose
from builder.failed import BuildFailed
from spaceport.cause import Cause
from tests.builder.world import OneBase

ELEVEN = Base("base:11", "/usr/local/bin/python3", "3.11.7")


def test_asked_for_and_there() -> None:
    assert choose(OneBase(ELEVEN), "3.11", "3.10").base is ELEVEN
    assert choose(OneBase(ELEVEN), "3.11.7", "3.10").note == ""


def test_asked_for_and_not_to_be_had() -> None:
    with pytest.raises(BuildFailed) as failed:
        choose(OneBase(ELEVEN), "3.7", "3.10")
    assert failed.value.failure.cause is Cause.PYTHON_UNAVAILABLE
    assert failed.value.failure.detail == {"wanted": "3.7", "available": "3.11.7"}


def test_a_silent_card_takes_what_there_is_and_says_so() -> None:
    found = choose(OneBase(ELEVEN), None, "3.10")
    assert found.base is ELEVEN
    assert "3.10" in found.note
    assert "3.11.7" in found.note
    assert choose(OneBase(ELEVEN), None, "3.11").note == ""


def test_what_is_absent_is_not_asked_for_at_every_push() -> None:
    real = OneBase(ELEVEN)
    bases = RememberedBases(real)
    assert [bases.base_for("3.7"), bases.base_for("3.7"), bases.base_for("3.11")] == [
        None,
        None,
        ELEVEN,
    ]
    assert real.asked == ["3.7", "3.11"]
