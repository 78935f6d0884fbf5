"""What a request to an app waits while a clone of the large repository runs.

Proxy and git server share one process, as in the product. One after the other a request goes to the
app itself and through the proxy, so what the machine's other work costs is in both.
"""

from __future__ import annotations

import http.client
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from benchmarks.git.repos import ENV
from benchmarks.git.servers import Ours

CLONES = 3
MOST = 0.002
"""Seconds: the goal for the median of what is added."""


def added_latency(server: Ours, backend: int, scratch: Path) -> dict[str, float]:
    """Medians in seconds: straight to the app, through the proxy, and added by it."""
    straight = http.client.HTTPConnection("127.0.0.1", backend)
    proxied = http.client.HTTPConnection("127.0.0.1", server.relay)
    straight_took, proxied_took = [], []
    for number in range(CLONES):
        target = scratch / f"beside{number}.git"
        clone = ["git", "clone", "-q", "--bare", f"{server.url}/large.git", str(target)]
        with subprocess.Popen(clone, env=ENV) as client:
            while client.poll() is None:
                straight_took.append(_ask(straight))
                proxied_took.append(_ask(proxied))
                time.sleep(0.005)
        if client.returncode:
            raise RuntimeError("the clone failed")
        shutil.rmtree(target)
    straight.close()
    proxied.close()
    pairs = zip(straight_took, proxied_took, strict=True)
    return {
        "straight": statistics.median(straight_took),
        "proxied": statistics.median(proxied_took),
        "added": statistics.median(through - without for without, through in pairs),
        "added_p99": statistics.quantiles(proxied_took, n=100)[98]
        - statistics.quantiles(straight_took, n=100)[98],
    }


def _ask(connection: http.client.HTTPConnection) -> float:
    start = time.monotonic()
    connection.request("GET", "/1k", headers={"Host": "app.localhost"})
    answer = connection.getresponse()
    if answer.status != 200 or len(answer.read()) != 1024:
        raise RuntimeError("the app did not answer")
    return time.monotonic() - start
