"""A host of our own behind a virtual cable, on which is tried what containers may reach."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

OUTSIDE, HOST_END, METADATA = "198.51.100.2", "198.51.100.1", "169.254.169.254"
PORTS = (22, 25, 80, 443, 5432, 8080)
MORE_PORTS = (21, 53, 110, 465, 587, 853, 3306, 6379, 8443, 9000, 11211, 27017)
TCP_PORTS = PORTS + MORE_PORTS
UDP_PORTS = (53, 123, 443, 500, 4500)
_LISTEN = """
import select, socket, sys
print("here", flush=True)
sys.stdin.readline()
tcp, udp = (words.split(",") for words in sys.argv[1:])
open_ports = [socket.create_server(("0.0.0.0", int(port))) for port in tcp]
echoes = []
for port in udp:
    echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    echo.bind(("0.0.0.0", int(port)))
    echoes.append(echo)
print("listening", flush=True)
while True:
    for one in select.select(open_ports + echoes, [], [])[0]:
        if one in echoes:
            one.sendto(*one.recvfrom(99))
        else:
            one.accept()[0].close()
"""


@contextmanager
def outside_host(tag: str) -> Iterator[None]:
    """Routed to from this machine while inside; listens on `PORTS` and more at two addresses."""
    process = subprocess.Popen(
        [
            "unshare",
            "--net",
            sys.executable,
            "-c",
            _LISTEN,
            _words(TCP_PORTS),
            _words(UDP_PORTS),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "here\n"
        cable = f"spt-{tag}"[:15]
        _ip(
            f"link add {cable} type veth peer name eth0 netns {process.pid}",
            f"addr add {HOST_END}/24 dev {cable}",
            f"link set {cable} up",
            f"route add {METADATA}/32 dev {cable}",
        )
        _ip(
            f"addr add {OUTSIDE}/24 dev eth0",
            f"addr add {METADATA}/32 dev eth0",
            "link set lo up",
            "link set eth0 up",
            f"route add default via {HOST_END}",
            inside=process.pid,
        )
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.stdout.readline() == "listening\n"
        yield
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def _words(ports: tuple[int, ...]) -> str:
    return ",".join(map(str, ports))


def _ip(*commands: str, inside: int | None = None) -> None:
    enter = [] if inside is None else ["nsenter", f"--net=/proc/{inside}/ns/net"]
    subprocess.run([*enter, "ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)
