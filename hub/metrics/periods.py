"""The periods that people look at, and the rows of which each is made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from spaceport.ledger import figures
from spaceport.ledger.database import Tx
from spaceport.ledger.figures import COARSE, FINE, Used
from spaceport.names import SpaceKey


@dataclass(frozen=True)
class Period:
    """`step` is the seconds of one point, made of rows of `span` seconds."""

    title: str
    length: timedelta
    span: int
    step: int


PERIODS = {
    "hour": Period("Last hour", timedelta(hours=1), FINE, 60),
    "day": Period("Last day", timedelta(days=1), COARSE, 900),
    "week": Period("Last week", timedelta(days=7), COARSE, 7200),
}


def used_in(tx: Tx, key: SpaceKey, name: str, now: datetime) -> list[Used]:
    """Oldest first; stretches in which nothing ran are absent."""
    period = PERIODS[name]
    rows = figures.since(tx, key, period.span, figures.slot(now - period.length, period.step))
    return figures.merge(rows, period.step)
