"""What a Space has used: charts and a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hub.metrics.periods import PERIODS, used_in
from hub.web.charts import Chart, Frame, Values, chart
from hub.web.templating import size
from hub.web.visit import Visit
from runtime.proxy.latency import quantile
from spaceport.authorize import Action, SpaceResource
from spaceport.ledger.columns import now
from spaceport.ledger.figures import Used, slot
from spaceport.ledger.overview import Overview

Figure = Callable[[Used], float | None]


async def section(visit: Visit, view: Overview) -> Mapping[str, Any]:
    """`figures`: None for those who may not read the logs."""
    if not visit.may(Action.READ_LOGS, SpaceResource.of(view.space)):
        return {"figures": None}
    name = visit.query.get("figures", "hour")
    name = name if name in PERIODS else "hour"
    period, moment = PERIODS[name], now()
    rows = await visit.read(lambda tx: used_in(tx, view.space.key, name, moment))
    begin = slot(moment - period.length, period.step)
    shown = {
        "period": name,
        "title": period.title,
        "periods": {key: one.title for key, one in PERIODS.items()},
        "charts": charts(rows, Frame(begin, moment, period.step)),
        "table": [_words(row) for row in reversed(rows)],
    }
    return {"figures": shown}


def charts(rows: list[Used], frame: Frame) -> list[Chart]:
    """Of everything that was measured. Pure."""

    def of(figure: Figure) -> Values:
        return [(row.at, figure(row)) for row in rows]

    made = (
        chart("CPU", {"": of(cores)}, frame, lambda value: f"{value:.3g} cores"),
        chart("Memory", {"": of(lambda row: row.memory)}, frame, lambda value: size(int(value))),
        chart("Requests", {"": of(per_minute)}, frame, lambda value: f"{value:.3g} a minute"),
        chart(
            "Time to first byte",
            {"p95": of(lambda row: waited(row, 0.95)), "median": of(lambda row: waited(row, 0.5))},
            frame,
            milliseconds,
        ),
        chart(
            "Network",
            {"in": of(lambda row: row.received), "out": of(lambda row: row.sent)},
            frame,
            lambda value: size(int(value)),
        ),
        chart(
            "Temporary files", {"": of(lambda row: row.disk)}, frame, lambda value: size(int(value))
        ),
    )
    return [one for one in made if one is not None]


def cores(row: Used) -> float | None:
    return row.cpu_seconds / row.seconds if row.seconds else None


def per_minute(row: Used) -> float | None:
    return 60 * row.requests / row.seconds if row.seconds else None


def waited(row: Used, share: float) -> float | None:
    found = quantile(row.latency, share)
    return None if found is None else 1000 * found


def milliseconds(value: float) -> str:
    return f"{value:.3g} ms" if value < 1000 else f"{value / 1000:.3g} s"


def _words(row: Used) -> dict[str, Any]:
    median, most = waited(row, 0.5), waited(row, 0.95)
    return {
        "at": row.at,
        "cpu": f"{cores(row) or 0:.2f}",
        "memory": size(row.memory),
        "requests": row.requests,
        "latency": ""
        if median is None or most is None
        else f"{milliseconds(median)} / {milliseconds(most)}",
        "network": f"{size(row.received)} / {size(row.sent)}",
    }
