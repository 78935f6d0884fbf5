"""What containers can reach: a few ports outside, and neither the host nor each other (RUN-02)."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterator

import pytest

from runtime.engine import process_network
from spaceport.engine import Network
from tests.contracts.conftest import Rig
from tests.contracts.outside import HOST_END, METADATA, OUTSIDE, PORTS, outside_host
from tests.waiting import eventually

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not process_network.available(), reason="needs root, ip and nftables"),
]

PROBE = """
import json, os, socket
def reached(target):
    try:
        socket.create_connection(tuple(target), 1.5).close()
        return True
    except OSError:
        return False
print(json.dumps([target for target in json.loads(os.environ["TARGETS"]) if reached(target)]))
"""


def reached(
    rig: Rig, targets: list[tuple[str, int]], network: Network = Network.APP
) -> set[tuple[str, int]]:
    """Which of these a container can connect to."""
    printed = rig.printed(PROBE, env={"TARGETS": json.dumps(targets)}, network=network)
    return {(address, port) for address, port in json.loads(printed[-1])}


@pytest.fixture(scope="module")
def outside() -> Iterator[None]:
    with outside_host(secrets.token_hex(4)):
        yield


@pytest.mark.req("RUN-02")
@pytest.mark.req("BLD-05")
@pytest.mark.parametrize("network", [Network.APP, Network.BUILD])
def test_only_the_ports_of_the_web_are_open_outside(
    rig: Rig, outside: None, network: Network
) -> None:
    targets = [(address, port) for address in (OUTSIDE, METADATA) for port in PORTS]
    assert reached(rig, targets, network) == {(OUTSIDE, 80), (OUTSIDE, 443), (OUTSIDE, 8080)}


@pytest.mark.req("RUN-02")
def test_the_host_cannot_be_reached(rig: Rig, outside: None) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port = listener.getsockname()[1]
        own = rig.printed(
            "print([line.split()[2] for line in open('/proc/net/route')][1])", network=Network.APP
        )
        gateway = socket.inet_ntoa(int(own[0], 16).to_bytes(4, "little"))
        socket.create_connection((HOST_END, port), 2).close()
        assert reached(rig, [(gateway, port), (HOST_END, port)]) == set()


@pytest.mark.req("RUN-02")
def test_neighbours_cannot_be_reached(rig: Rig) -> None:
    code = (
        "import socket, time\nlistener = socket.create_server(('0.0.0.0', 80))\n"
        "probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "probe.connect(('203.0.113.1', 9)); print(probe.getsockname()[0]); time.sleep(600)"
    )
    handle = rig.started(code)
    address = eventually(lambda: next(iter(rig.engine.logs(handle)), None)).text
    rig.engine.connect(handle, 80, 5).close()
    assert reached(rig, [(address, 80)]) == set()


@pytest.mark.req("RUN-02")
def test_without_a_network_nothing_is_reached(rig: Rig, outside: None) -> None:
    assert reached(rig, [(OUTSIDE, 80), (HOST_END, 80)], Network.NONE) == set()
