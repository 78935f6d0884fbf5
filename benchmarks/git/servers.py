"""The servers that are compared, each as its own processes on a free port.

git's are told to be as durable and as strict as ours always is: every object, pack and ref synced
to the disk before the answer, and every pushed object checked.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

BACKEND = "/usr/lib/git-core/git-http-backend"
NEEDED = ("nginx", "fcgiwrap")
PACKAGES = "nginx fcgiwrap openssh-server openssh-client"

_GIT = (("safe.directory", "*"), ("core.fsync", "all"), ("receive.fsckObjects", "true"))
GIT_CONFIG = {
    "GIT_CONFIG_COUNT": str(len(_GIT)),
    **{f"GIT_CONFIG_KEY_{number}": key for number, (key, _) in enumerate(_GIT)},
    **{f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in enumerate(_GIT)},
}
"""For git's own server programs, as environment."""

_NGINX = """
{user}
worker_processes 2; daemon off; error_log {run}/error.log; pid {run}/nginx.pid;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {run}/body; fastcgi_temp_path {run}/fcgi;
  proxy_temp_path {run}/proxy; uwsgi_temp_path {run}/uwsgi; scgi_temp_path {run}/scgi;
  client_max_body_size 0; sendfile on; tcp_nopush on;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      fastcgi_pass unix:{run}/fcgi.sock;
      fastcgi_buffers 64 16k; fastcgi_max_temp_file_size 0; fastcgi_request_buffering off;
      fastcgi_param SCRIPT_FILENAME {backend};
      fastcgi_param GIT_PROJECT_ROOT {root};
      fastcgi_param GIT_HTTP_EXPORT_ALL 1;
      fastcgi_param GIT_PROTOCOL $http_git_protocol;
      fastcgi_param PATH_INFO $uri;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param REMOTE_ADDR $remote_addr;
    }}
  }}
}}
"""


class Server:
    """A running server: `url` before a repository's name, and what its processes use."""

    def __init__(self, name: str, port: int, url: str = "", env: dict[str, str] | None = None):
        self.name = name
        self.url = url or f"http://127.0.0.1:{port}"
        self.port = port
        self.env = env or {}
        """What its clients have in their environment."""
        self.processes: list[subprocess.Popen[bytes]] = []

    def seen_at(self, port: int, url: str, env: dict[str, str]) -> Server:
        """The same processes by another door."""
        other = Server(self.name, port, url, env)
        other.processes = self.processes
        return other

    def start(self, *command: str, env: dict[str, str] | None = None) -> None:
        self.processes.append(
            subprocess.Popen(
                command,
                env=env,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        )

    def wait(self, port: int = 0) -> None:
        """Until it accepts connections."""
        deadline = time.monotonic() + 20
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port or self.port), 1):
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start")
            time.sleep(0.05)

    def stop(self) -> None:
        for pid in sorted(self.pids(), reverse=True):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
                continue
            process.kill()
            process.wait()

    def pids(self) -> list[int]:
        """The processes and all below them."""
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError, IndexError, ValueError):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    children.setdefault(int(fields[1]), []).append(int(entry.name))
        found = [process.pid for process in self.processes]
        for pid in found:
            found.extend(children.get(pid, ()))
        return found

    def cpu(self) -> float:
        """CPU seconds used so far, those of children that have ended included."""
        ticks = 0
        for pid in self.pids():
            with suppress(OSError, IndexError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += sum(int(field) for field in fields[11:15])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Proportional resident bytes of all its processes now."""
        total = 0
        for pid in self.pids():
            with suppress(OSError, StopIteration, ValueError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                total += int(next(line for line in lines if line.startswith("Pss:")).split()[1])
        return total << 10


def http_backend(root: Path, run: Path) -> Server:
    """nginx, fcgiwrap and git's own server program."""
    require(*NEEDED)
    if not Path(BACKEND).exists():
        raise SystemExit(f"{BACKEND} is missing: it comes with Debian's package git.")
    run.mkdir(parents=True, exist_ok=True)
    server = Server("http-backend", free_port())
    config = run / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(
        _NGINX.format(user=user, run=run, port=server.port, backend=BACKEND, root=root)
    )
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **GIT_CONFIG}
    server.start("fcgiwrap", "-c", "10", "-s", f"unix:{run}/fcgi.sock", env=environment)
    server.start("nginx", "-c", str(config), "-p", str(run))
    server.wait()
    return server


def spaceport(root: Path, run: Path, backend: int, env: dict[str, str]) -> tuple[Ours, Server]:
    """Our server by HTTP and by SSH. `backend`: where the app behind its proxy listens; `env`: for
    SSH clients."""
    run.mkdir(parents=True, exist_ok=True)
    server = Ours("spaceport", free_port())
    ssh, server.relay = free_port(), free_port()
    module = [sys.executable, "-m", "benchmarks.git.serve", str(root), str(run)]
    server.start(*module, *map(str, (server.port, ssh, server.relay, backend)))
    for port in (server.port, ssh, server.relay):
        server.wait(port)
    return server, server.seen_at(ssh, f"ssh://git@127.0.0.1:{ssh}/spaces/bench", env)


class Ours(Server):
    """Ours: it has a proxy too."""

    relay = 0
    """The proxy's port."""


def require(*programs: str) -> None:
    """Raises `SystemExit` with what to install."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        raise SystemExit(
            f"The comparison needs {', '.join(missing)}: apt-get install {PACKAGES}\n"
            "(as a user who has /usr/sbin in PATH)"
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
