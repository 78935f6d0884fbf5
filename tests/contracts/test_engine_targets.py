"""Forty targets and more, each with its verdict, tried from inside real containers (RUN-02).

The same table for apps and builds, on both engines, against a host of our own.
"""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterator

import pytest

from runtime.engine import process_network
from spaceport.engine import Network
from tests.contracts.conftest import Rig
from tests.contracts.outside import (
    HOST_END,
    METADATA,
    MORE_PORTS,
    OUTSIDE,
    PORTS,
    UDP_PORTS,
    outside_host,
)

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not process_network.available(), reason="needs root, ip and nftables"),
    pytest.mark.req("RUN-02"),
]

PROBE = """
import json, os, socket
from concurrent.futures import ThreadPoolExecutor
own = socket.create_server(("127.0.0.1", 9999))
gateway = [line.split() for line in open("/proc/net/route")][1:]
gateway = [socket.inet_ntoa(int(row[2], 16).to_bytes(4, "little")) for row in gateway][0]
def tried(target):
    kind, address, port = target
    address = gateway if address == "gateway" else address
    try:
        if kind == "tcp":
            socket.create_connection((address, port), 2).close()
        elif kind == "udp":
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.settimeout(2)
            sock.sendto(b"x", (address, port))
            sock.recvfrom(9)
        elif kind == "icmp":
            sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            sock.settimeout(2)
            sock.sendto(bytes((8, 0, 0xf7, 0xff, 0, 0, 0, 0)), (address, 0))
            sock.recvfrom(99)
        elif kind == "packet":
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        return True
    except (OSError, ValueError):
        return False
targets = json.loads(os.environ["TARGETS"])
with ThreadPoolExecutor(len(targets)) as threads:
    good = list(threads.map(tried, targets))
print(json.dumps([target for target, well in zip(targets, good) if well]))
"""
OPEN = [
    ("tcp", OUTSIDE, 80),
    ("tcp", OUTSIDE, 443),
    ("tcp", OUTSIDE, 8080),
    ("tcp", "127.0.0.1", 9999),  # its own loopback is free (7.4)
]
CLOSED = [
    *(("tcp", OUTSIDE, port) for port in (*PORTS, *MORE_PORTS) if port not in (80, 443, 8080)),
    *(("udp", OUTSIDE, port) for port in UDP_PORTS),
    *(("tcp", METADATA, port) for port in (80, 443, 8080)),
    ("udp", METADATA, 53),
    *(("tcp", HOST_END, port) for port in (22, 80, 443, 8080)),
    ("udp", HOST_END, 53),
    *(("tcp", "gateway", port) for port in (22, 80, 443, 8080, 2375)),
    ("udp", "gateway", 53),
    ("tcp", "10.255.255.254", 80),
    ("tcp", "100.64.0.1", 443),
    ("tcp", "172.31.255.254", 8080),
    ("tcp", "192.168.255.254", 80),
    ("tcp", "0.0.0.0", 2375),
    ("tcp", "2001:db8::1", 443),
    ("tcp", "fe80::1%eth0", 80),
    ("udp", "224.0.0.251", 5353),
    ("udp", "255.255.255.255", 67),
    ("icmp", OUTSIDE, 0),
    ("icmp", "gateway", 0),
    ("packet", "", 0),
]


@pytest.fixture(scope="module")
def outside() -> Iterator[None]:
    with outside_host(secrets.token_hex(4)):
        yield


@pytest.mark.parametrize("network", [Network.APP, Network.BUILD])
def test_every_target_has_its_verdict(rig: Rig, outside: None, network: Network) -> None:
    assert len(OPEN) + len(CLOSED) >= 40
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port = listener.getsockname()[1]
        mine = [("tcp", HOST_END, port), ("tcp", "gateway", port), ("tcp", "127.0.0.1", port)]
        socket.create_connection((HOST_END, port), 2).close()
        targets = [*OPEN, *CLOSED, *mine]
        printed = rig.printed(PROBE, env={"TARGETS": json.dumps(targets)}, network=network)
    assert [tuple(target) for target in json.loads(printed[-1])] == OPEN
