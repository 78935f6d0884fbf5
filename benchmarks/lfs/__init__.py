"""Large files up and down against nginx, in one run (contracts: performance.md B).

`python -m benchmarks lfs [--rounds N] [--mib N] [--gib N] [--only NAME]...`. Needs nginx and
taskset. Servers are on core 0, the client on core 1. Uploads: nginx's PUT followed by sha256 and
fsync of the file, against ours, which has hashed and synced before it answers. Each ratio is the
median over interleaved rounds of ours / nginx in the same round. `--gib` is the object whose memory
is watched; 0 leaves that out.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from benchmarks.lfs.load import address, get, put
from benchmarks.lfs.serve import SPACE
from benchmarks.proxy.processes import Started, free_port, start, start_nginx
from benchmarks.report import Report

SERVER_CORE, CLIENT_CORE = 0, 1
NGINX = """
server {{ listen 127.0.0.1:{port}; root {root}; tcp_nopush on; sendfile_max_chunk 2m;
  open_file_cache max=100; dav_methods PUT; client_max_body_size 0; client_body_buffer_size 1m; }}
"""


@dataclass(frozen=True)
class Taken:
    """Seconds of one run, and CPU seconds of the server."""

    seconds: float
    cpu: float


class Field:
    """Both servers and the files to send."""

    def __init__(self, folder: Path, mib: int) -> None:
        self.folder = folder
        self.size = mib << 20
        self.root = folder / "nginx-root"
        self.root.mkdir()
        self.file = folder / "file"
        port = free_port()
        self.nginx = start_nginx(
            "nginx", folder, port, NGINX.format(port=port, root=self.root), str(SERVER_CORE)
        )
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.lfs.serve", str(port), str(folder)]
        self.ours = start("ours", command, port, str(SERVER_CORE))
        self.token = (folder / "token").read_text()

    def fresh(self) -> str:
        """A new file to send, in the page cache; its id."""
        hashed = hashlib.sha256()
        with self.file.open("wb") as out:
            for _ in range(self.size >> 20):
                piece = os.urandom(1 << 20)
                hashed.update(piece)
                out.write(piece)
        return hashed.hexdigest()

    def address(self, operation: str, oid: str, size: int) -> str:
        return address(self.ours.port, SPACE, self.token, operation, oid, size)

    def stop(self) -> None:
        self.ours.stop()
        self.nginx.stop()


def timed(server: Started, work: Callable[[], float | None]) -> Taken:
    """`work` may give CPU seconds that were spent besides the server's."""
    cpu, begun = server.cpu(), time.perf_counter()
    more = work() or 0.0
    return Taken(time.perf_counter() - begun, server.cpu() - cpu + more)


def hash_and_sync(file: Path) -> float:
    """What a server behind nginx still had to do, on the server's core; its CPU seconds."""
    os.sched_setaffinity(0, {SERVER_CORE})
    begun = time.process_time()
    try:
        hashed, buffer = hashlib.sha256(), bytearray(1 << 20)
        with file.open("r+b", buffering=0) as source:
            while count := source.readinto(buffer):
                hashed.update(memoryview(buffer)[:count])
            os.fsync(source.fileno())
    finally:
        os.sched_setaffinity(0, {CLIENT_CORE})
    return time.process_time() - begun


def upload_nginx(field: Field, oid: str) -> Taken:
    def work() -> float:
        put(field.nginx.port, f"/{oid}", field.file)
        return hash_and_sync(field.root / oid)

    taken = timed(field.nginx, work)
    (field.root / oid).unlink()
    return taken


def upload_ours(field: Field, oid: str) -> Taken:
    path = field.address("upload", oid, field.size)
    return timed(field.ours, lambda: put(field.ours.port, path, field.file))


def report_ratio(
    report: Report, what: str, size: int, nginx: list[Taken], ours: list[Taken]
) -> None:
    pairs = list(zip(nginx, ours, strict=True))
    rate = statistics.median(size / each.seconds for each in ours) / 1e6
    report.value(f"{what}: ours", rate, "MB/s")
    speed = statistics.median(one.seconds / two.seconds for one, two in pairs)
    report.value(f"{what}: MB/s of ours / nginx", speed, "x")
    cpu = statistics.median(two.cpu / one.cpu for one, two in pairs if one.cpu)
    report.value(f"{what}: CPU of ours / nginx", cpu, "x")


def uploads(field: Field, report: Report, rounds: int) -> None:
    nginx, ours = [], []
    for number in range(rounds):
        oid = field.fresh()
        runs = [(nginx, upload_nginx), (ours, upload_ours)]
        for results, run in runs if number % 2 == 0 else reversed(runs):
            results.append(run(field, oid))
    what = f"upload of {field.size >> 20} MiB, hashed and synced"
    report_ratio(report, what, field.size, nginx, ours)


def downloads(field: Field, report: Report, rounds: int, streams: int) -> None:
    oid = field.fresh()
    upload_ours(field, oid)
    os.link(field.folder / "data" / "objects" / oid[:2] / oid, field.root / oid)
    size, nginx, ours = field.size, [], []
    for number in range(rounds):
        path = field.address("download", oid, size)
        runs = [(nginx, field.nginx, f"/{oid}"), (ours, field.ours, path)]
        for results, server, where in runs if number % 2 == 0 else reversed(runs):
            work = _getting(server.port, where, size, streams)
            results.append(timed(server, work))
    what = f"download of {size >> 20} MiB, {streams} streams"
    report_ratio(report, what, size * streams, nginx, ours)


def _getting(port: int, path: str, size: int, streams: int) -> Callable[[], None]:
    return lambda: get(port, path, size, streams)


def memory(field: Field, report: Report, gib: int) -> None:
    """The most that the server has in memory for itself while one large object goes up and down."""
    size = gib << 30
    with field.file.open("wb") as out:
        out.truncate(size)  # all zeros: what is watched is memory, not the disk
    hashed, zeros = hashlib.sha256(), bytes(1 << 20)
    for _ in range(size >> 20):
        hashed.update(zeros)
    oid = hashed.hexdigest()
    path = field.address("upload", oid, size)
    before = private(field.ours)
    up = most(field.ours, lambda: put(field.ours.port, path, field.file))
    down_path = field.address("download", oid, size)
    down = most(field.ours, lambda: get(field.ours.port, down_path, size))
    report.value("memory of the server before", before, "MiB")
    report.value(f"more while an object of {gib} GiB goes up", up - before, "MiB")
    report.value("more while it goes down", down - before, "MiB")


def private(server: Started) -> float:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("RssAnon:")]
    return int(line.split()[1]) / 1024


def most(server: Started, work: Callable[[], None]) -> float:
    over, seen = Event(), [private(server)]

    def watch() -> None:
        while not over.wait(0.02):
            seen.append(private(server))

    watcher = Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        over.set()
        watcher.join()
    return max(seen)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks lfs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mib", type=int, default=200)
    parser.add_argument("--gib", type=int, default=2)
    parser.add_argument("--only", action="append", default=[])
    options = parser.parse_args(argv)
    report = Report("lfs")
    os.sched_setaffinity(0, {CLIENT_CORE})
    with tempfile.TemporaryDirectory(prefix="bench-lfs-") as name:
        field = Field(Path(name), options.mib)
        cases: dict[str, Callable[[], None]] = {
            "upload": lambda: uploads(field, report, options.rounds),
            "download": lambda: downloads(field, report, options.rounds, 1),
            "downloads": lambda: downloads(field, report, options.rounds, 8),
            "memory": lambda: memory(field, report, options.gib) if options.gib else None,
        }
        try:
            for case, run in cases.items():
                if not options.only or case in options.only:
                    run()
        finally:
            field.stop()
    report.finish()
    return 0
