"""The processes of a run: a backend, the yardstick and our proxy, each pinned to a core."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Started:
    """A running server. `cores`: where it may run, as taskset writes it."""

    name: str
    port: int
    process: subprocess.Popen[bytes] = field(repr=False)

    def pids(self) -> list[int]:
        """Itself and its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *map(int, children.split())]

    def cpu(self) -> float:
        """CPU seconds used so far, workers included."""
        total = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICK

    def memory(self) -> float:
        """MiB of proportional set size."""
        kilobytes = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kilobytes += int(line.split()[1])
        return kilobytes / 1024

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def start(name: str, command: list[str], port: int, cores: str) -> Started:
    """Start a server and wait until it accepts connections. Raises `RuntimeError`."""
    pinned = ["taskset", "-c", cores, *command] if cores else command
    process = subprocess.Popen(pinned, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return Started(name, port, process)
        except OSError:
            time.sleep(0.05)
    process.kill()
    raise RuntimeError(f"{name} did not start: {process.communicate()[1].decode()[-2000:]}")


def start_nginx(name: str, folder: Path, port: int, http: str, cores: str) -> Started:
    """An nginx with one worker; `http` is what stands in its http block."""
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    home = folder / name
    home.mkdir()
    temporary = "\n".join(
        f"{kind}_temp_path {home}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    (home / "nginx.conf").write_text(
        f"{user} worker_processes 1; daemon off; pid {home}/pid; error_log {home}/error.log;\n"
        "events { worker_connections 4096; }\n"
        f"http {{ access_log off; {temporary}\n"
        "keepalive_requests 1000000000; keepalive_timeout 600s; sendfile on; tcp_nodelay on;\n"
        f"{http} }}\n"
    )
    return start(name, [nginx, "-p", str(home), "-c", str(home / "nginx.conf")], port, cores)


def start_ours(name: str, loop: str, port: int, backend: int, folder: Path, cores: str) -> Started:
    """Our proxy with one worker, every check on."""
    command = [sys.executable, "-m", "benchmarks.proxy.ours", loop, str(port), str(backend)]
    return start(name, [*command, str(folder)], port, cores)


BACKEND = """
server {{ listen 127.0.0.1:{port} backlog=2048; root {root};
  location = /1k {{ default_type text/plain; return 200 "{body}"; }}
  location / {{ tcp_nopush on; }} }}
"""

YARDSTICK = """
map $host $space {{ default 0; app.localhost 1; ws.localhost 2; }}
map $http_upgrade $to_connection {{ default ""; websocket upgrade; }}
upstream space1 {{ server 127.0.0.1:{backend}; keepalive 256; }}
upstream space2 {{ server 127.0.0.1:{echo}; }}
server {{ listen 127.0.0.1:{port} backlog=2048;
  location / {{
    if ($space = 0) {{ return 404; }}
    proxy_pass http://space$space; proxy_http_version 1.1;
    proxy_set_header Connection $to_connection; proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto http; proxy_set_header X-Forwarded-Host $host;
    proxy_buffering off; proxy_request_buffering off;
    proxy_buffer_size 64k; proxy_buffers 4 64k; proxy_read_timeout 600s; }} }}
server {{ listen 127.0.0.1:{files} backlog=2048; root {root}; tcp_nopush on;
  open_file_cache max=1000; open_file_cache_valid 600s; }}
"""
