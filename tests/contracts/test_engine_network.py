"""What containers can reach: a few ports outside, and neither the host nor each other (RUN-02)."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
from collections.abc import Iterator

import pytest

from runtime.engine import firewall, process_network
from spaceport.egress import Destination
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
from concurrent.futures import ThreadPoolExecutor
def reached(target):
    try:
        socket.create_connection(tuple(target), 1.5).close()
        return True
    except OSError:
        return False
targets = json.loads(os.environ["TARGETS"])
with ThreadPoolExecutor(len(targets)) as threads:
    good = list(threads.map(reached, targets))
print(json.dumps([target for target, well in zip(targets, good) if well]))
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


@pytest.mark.req("RUN-02")
def test_of_a_list_only_what_is_listed_is_reached(rig: Rig, outside: None) -> None:
    targets = [(address, port) for address in (OUTSIDE, METADATA, HOST_END) for port in PORTS]
    for listed, expected in (
        ((), set()),
        ((f"{OUTSIDE}:443",), {(OUTSIDE, 443)}),
        ((OUTSIDE,), {(OUTSIDE, 80), (OUTSIDE, 443), (OUTSIDE, 8080)}),
        ((f"{OUTSIDE}:25", f"{METADATA}:80", f"{HOST_END}:80"), set()),  # a list opens no port
        (("198.51.100.0/24:8080", f"{OUTSIDE}:8080"), {(OUTSIDE, 8080)}),  # one within the other
    ):
        printed = rig.printed(
            PROBE,
            env={"TARGETS": json.dumps(targets)},
            network=Network.CHOSEN,
            egress=tuple(Destination.parse(one) for one in listed),
        )
        assert {(address, port) for address, port in json.loads(printed[-1])} == expected, listed


TRIES = f"""
import socket, time
for port in (25, 25, 5432):
    try:
        socket.create_connection(("{OUTSIDE}", port), 1.5)
    except OSError:
        pass
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("{OUTSIDE}", 443))
print("tried", flush=True)
time.sleep(600)
"""


@pytest.mark.req("RUN-02")
def test_refused_attempts_are_told_to_whom_they_belong(rig: Rig, outside: None) -> None:
    tries = rig.started(TRIES, network=Network.APP)
    quiet = rig.started("print('here', flush=True); import time; time.sleep(600)")
    for handle in (tries, quiet):
        eventually(lambda handle=handle: next(iter(rig.engine.logs(handle)), None))
    found = {(one.address, one.port, one.protocol): one.count for one in rig.engine.refused(tries)}
    assert set(found) == {(OUTSIDE, 25, "tcp"), (OUTSIDE, 5432, "tcp"), (OUTSIDE, 443, "udp")}
    assert found[OUTSIDE, 25, "tcp"] >= 2
    assert list(rig.engine.refused(quiet)) == []


@pytest.mark.req("RUN-02")
@pytest.mark.parametrize("loss", ["delete table inet {}", "flush table inet {}"])
def test_a_policy_that_somebody_removed_is_put_back(rig: Rig, outside: None, loss: str) -> None:
    """As `nft flush ruleset` of another firewall does, but only to our own table."""
    assert reached(rig, [(OUTSIDE, 25)]) == set()
    table = firewall.table_name(rig.instance)
    subprocess.run(["nft", *loss.format(table).split()], check=True)
    assert reached(rig, [(OUTSIDE, 25)]) == set()  # a start puts it back before
    subprocess.run(["nft", *loss.format(table).split()], check=True)
    rig.engine.guard()
    listed = subprocess.run(
        ["nft", "list", "table", "inet", table], capture_output=True, text=True, check=True
    )
    assert listed.stdout.count("jump refuse") >= 4
