"""One measurement: load for some seconds, and what the server used meanwhile."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.proxy.processes import Started
from benchmarks.proxy.websocket import round_trips

# What a browser sends: about 800 bytes in twelve fields.
HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.9,de;q=0.8",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Referer": "http://app.localhost:8080/some/page?with=a&query=string",
    "Cookie": "theme=dark; _ga=GA1.2.1234567890.1234567890; session=0123456789abcdef0123456789abcd",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Site": "same-origin",
    "Priority": "u=1, i",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class Result:
    """`rate` per second; `cpu` seconds of the server for a thousand; `p50` in microseconds."""

    rate: float
    cpu: float
    p50: float
    memory: float


def measure(server: Started, run: Callable[[], tuple[float, float, float]]) -> Result:
    """`run` returns how many, in how many seconds, and the median latency."""
    before = server.cpu()
    count, seconds, p50 = run()
    used = server.cpu() - before
    return Result(count / seconds, used / count * 1000 if count else 0, p50, server.memory())


def wrk(
    server: Started,
    path: str,
    host: str,
    *,
    connections: int,
    seconds: int,
    cores: str,
    new_heads: bool = False,
) -> Callable[[], tuple[float, float, float]]:
    """Requests over kept connections. Raises `RuntimeError` when any failed.

    `new_heads`: no two requests have the same header fields (the proxy remembers what fields mean).
    """
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    for name, value in {"Host": host, **HEADERS}.items():
        command += ["-H", f"{name}: {value}"]
    if new_heads:
        command += ["-s", str(Path(__file__).with_name("new_heads.lua"))]
    command.append(f"http://127.0.0.1:{server.port}{path}")
    if cores:
        command = ["taskset", "-c", cores, *command]

    def run() -> tuple[float, float, float]:
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in text or "Socket errors" in text:
            raise RuntimeError(text)
        total = re.search(r"(\d+) requests in ([\d.]+)(m?s)", text)
        median = re.search(r"50%\s+([\d.]+)(us|ms|s)", text)
        if total is None or median is None:
            raise RuntimeError(text)
        scale = {"us": 1.0, "ms": 1e3, "s": 1e6}[median[2]]
        return int(total[1]), float(total[2]), float(median[1]) * scale

    return run


def sockets(
    server: Started, *, window: int, seconds: int
) -> Callable[[], tuple[float, float, float]]:
    """WebSocket frames echoed over 32 connections."""

    def run() -> tuple[float, float, float]:
        return round_trips(server.port, connections=32, window=window, seconds=seconds), seconds, 0

    return run
