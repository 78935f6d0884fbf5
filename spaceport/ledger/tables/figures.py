"""What Spaces have used: one row for each Space and stretch of time in which it ran."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Float, Index, Integer, Table

from spaceport.ledger.columns import UtcDateTime
from spaceport.ledger.tables.base import metadata, space_key

figures = Table(
    "figures",
    metadata,
    space_key(primary_key=True),
    Column("span", Integer, primary_key=True),  # seconds: the fine rows, and the coarse ones
    Column("at", UtcDateTime, primary_key=True),  # where the stretch begins
    Column("seconds", Float, nullable=False),  # how much of it was measured
    Column("cpu_seconds", Float, nullable=False),
    Column("cpus", Float, nullable=False),  # cores granted
    Column("memory", BigInteger, nullable=False),  # bytes; the mean
    Column("memory_peak", BigInteger, nullable=False),
    Column("memory_limit", BigInteger, nullable=False),  # 0: none
    Column("disk", BigInteger),  # bytes in writable places, the most; null: untold
    Column("received", BigInteger, nullable=False),  # bytes
    Column("sent", BigInteger, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("latency", JSON, nullable=False),  # counts by bucket, see `runtime.proxy.latency`
    Index("ix_figures_span_at", "span", "at"),
)
