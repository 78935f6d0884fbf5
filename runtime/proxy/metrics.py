"""What the proxy counts, as plain integers; the metrics page reads them."""

from __future__ import annotations

from runtime.proxy.latency import Latency


class Metrics:
    """Counters since the start. Cheap enough to be counted for every request.

    `latency` is that of one request in sixteen.
    """

    __slots__ = (
        "answers_1xx",
        "answers_2xx",
        "answers_3xx",
        "answers_4xx",
        "answers_5xx",
        "app_connections",
        "app_failures",
        "connections",
        "handed_over",
        "latency",
        "refused_connections",
        "requests",
        "static_requests",
        "thaw_waits",
        "timeouts",
        "websockets",
    )

    def __init__(self) -> None:
        for name in self.__slots__:
            setattr(self, name, 0)
        self.latency = Latency()

    connections: int  # clients accepted
    refused_connections: int  # over a connection limit
    handed_over: int  # connections given to the hub
    requests: int  # to Spaces, before any check
    static_requests: int
    thaw_waits: int  # requests that came to a frozen app
    websockets: int
    app_connections: int  # opened to apps
    app_failures: int  # 502 and 504 caused by an app
    timeouts: int  # connections ended by a deadline
    answers_1xx: int
    answers_2xx: int
    answers_3xx: int
    answers_4xx: int
    answers_5xx: int

    def answered(self, status: int) -> None:
        """Count an answer that was begun, ours or an app's."""
        if 200 <= status < 300:
            self.answers_2xx += 1
        elif status >= 500:
            self.answers_5xx += 1
        elif status >= 400:
            self.answers_4xx += 1
        elif status >= 300:
            self.answers_3xx += 1
        else:
            self.answers_1xx += 1

    def snapshot(self) -> dict[str, int]:
        names = (name for name in self.__slots__ if name != "latency")
        return {name: getattr(self, name) for name in names}
