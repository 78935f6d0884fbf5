"""The proxy's own counters in Prometheus' form, read when somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from runtime.proxy.latency import BOUNDS
from runtime.proxy.metrics import Metrics

_COUNTERS = {
    "connections": "Connections of visitors and git clients that were accepted.",
    "refused_connections": "Connections over a limit.",
    "requests": "Requests to hosts of Spaces, before any check.",
    "static_requests": "Requests to static Spaces.",
    "websockets": "WebSockets opened.",
    "app_connections": "Connections opened to apps.",
    "app_failures": "Answers that an app broke or did not give (502, 504).",
    "timeouts": "Connections ended by a deadline.",
    "thaw_waits": "Requests that came to a frozen app and waited for it.",
}


class ProxyFigures(Collector):
    """Lives on the proxy's loop; collect it there."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        now = self._metrics.snapshot()
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"spaceport_proxy_{name}", text, value=now[name])
        answers = CounterMetricFamily(
            "spaceport_proxy_answers", "Answers begun, by class of status.", labels=["class"]
        )
        for kind in ("1xx", "2xx", "3xx", "4xx", "5xx"):
            answers.add_metric([kind], now[f"answers_{kind}"])
        yield answers
        latency = self._metrics.latency
        counts = list(accumulate(latency.counts))
        bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
        yield HistogramMetricFamily(
            "spaceport_proxy_first_byte_seconds",
            "From a whole request head to the first byte of the answer; one request in 16.",
            buckets=list(zip(bounds, counts, strict=True)),
            sum_value=latency.total,
        )
