"""What Spaces have used, in fine rows for hours and coarse ones for days (bounded, 15.2).

A Space of which nothing runs has no rows: gaps are gaps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select

from spaceport.ledger.database import Tx
from spaceport.ledger.tables import figures
from spaceport.names import SpaceKey

FINE, COARSE = 60, 900  # seconds
KEPT = {FINE: timedelta(hours=2), COARSE: timedelta(days=8)}


@dataclass(frozen=True)
class Used:
    """One Space's use in `span` seconds from `at` on, of which `seconds` were measured.

    Bytes, cores and counts; `memory` is the mean. `latency` counts timed answers by bucket.
    """

    space_key: SpaceKey
    span: int
    at: datetime
    seconds: float
    cpu_seconds: float
    cpus: float
    memory: int
    memory_peak: int
    memory_limit: int
    disk: int | None
    received: int
    sent: int
    requests: int
    latency: tuple[int, ...]


def slot(at: datetime, span: int) -> datetime:
    """Where the stretch that `at` lies in begins."""
    return datetime.fromtimestamp(at.timestamp() // span * span, UTC)


def add(tx: Tx, rows: Iterable[Used]) -> None:
    """One that is there already stays: a process that was started anew lost part of its minute."""
    for row in rows:
        here = (
            figures.c.space_key == row.space_key,
            figures.c.span == row.span,
            figures.c.at == row.at,
        )
        if tx.execute(select(figures.c.span).where(*here)).first() is None:
            tx.execute(insert(figures).values(asdict(row)))


def since(tx: Tx, key: SpaceKey, span: int, at: datetime) -> list[Used]:
    """A Space's rows of one fineness, oldest first."""
    query = select(figures).where(
        figures.c.space_key == key, figures.c.span == span, figures.c.at >= at
    )
    return _rows(tx.execute(query.order_by(figures.c.at)).mappings())


def lacking(tx: Tx, now: datetime) -> list[Used]:
    """The coarse rows that the fine ones make, and that are not there yet."""
    until = slot(now, COARSE)
    fine = select(figures).where(figures.c.span == FINE, figures.c.at < until)
    found = merge(_rows(tx.execute(fine).mappings()), COARSE)
    coarse = select(figures.c.space_key, figures.c.at).where(
        figures.c.span == COARSE, figures.c.at >= until - KEPT[FINE] - timedelta(seconds=COARSE)
    )
    present = {(row["space_key"], row["at"]) for row in tx.execute(coarse).mappings()}
    return [row for row in found if (row.space_key, row.at) not in present]


def forget(tx: Tx, now: datetime) -> int:
    """Drop what is older than it is kept; how many rows that were."""
    dropped = 0
    for span, kept in KEPT.items():
        old = (figures.c.span == span, figures.c.at < slot(now, COARSE) - kept)
        dropped += tx.execute(delete(figures).where(*old)).rowcount
    return dropped


def merge(rows: Sequence[Used], span: int) -> list[Used]:
    """The same use in longer stretches, oldest first. Pure."""
    groups: dict[tuple[SpaceKey, datetime], list[Used]] = defaultdict(list)
    for row in rows:
        groups[row.space_key, slot(row.at, span)].append(row)
    return [_merged(key, at, span, group) for (key, at), group in sorted(groups.items())]


def _merged(key: SpaceKey, at: datetime, span: int, group: list[Used]) -> Used:
    seconds = sum(row.seconds for row in group)
    disks = [row.disk for row in group if row.disk is not None]
    return Used(
        space_key=key,
        span=span,
        at=at,
        seconds=seconds,
        cpu_seconds=sum(row.cpu_seconds for row in group),
        cpus=max(row.cpus for row in group),
        memory=round(sum(row.memory * row.seconds for row in group) / seconds) if seconds else 0,
        memory_peak=max(row.memory_peak for row in group),
        memory_limit=max(row.memory_limit for row in group),
        disk=max(disks) if disks else None,
        received=sum(row.received for row in group),
        sent=sum(row.sent for row in group),
        requests=sum(row.requests for row in group),
        latency=added(row.latency for row in group),
    )


def added(counts: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Histograms of the same buckets, together; an empty one counts nothing."""
    return tuple(map(sum, zip(*(one for one in counts if one), strict=True)))


def _rows(found: Iterable[Mapping[Any, Any]]) -> list[Used]:
    return [Used(**{**row, "latency": tuple(row["latency"])}) for row in found]
