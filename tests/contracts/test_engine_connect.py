"""Connections to the app in a container of either engine, and to no other; where it listens."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaceport.engine import Network, NoSuchContainer
from tests.contracts.conftest import Rig
from tests.contracts.programs import answer, server
from tests.waiting import eventually

pytestmark = pytest.mark.engine


def test_connect_reaches_the_app_and_nothing_else(rig: Rig) -> None:
    handle = rig.started(server("me"))
    assert answer(rig, handle) == b"hello from me"
    with pytest.raises(ConnectionRefusedError):
        rig.engine.connect(handle, 7861, 5)
    assert not rig.engine.connect(handle, 7860, 5).getblocking()


@pytest.mark.parametrize("network", list(Network))
def test_connect_needs_no_way_out(rig: Rig, network: Network) -> None:
    if rig.kind == "process" and network is Network.BUILD:
        pytest.skip("builds are not visited")
    assert answer(rig, rig.started(server("x"), network=network)) == b"hello from x"


@pytest.mark.req("PX-18")
def test_connect_is_bound_to_the_container(rig: Rig) -> None:
    first = rig.started(server("first"), name="swap")
    assert answer(rig, first) == b"hello from first"
    second = rig.started(server("second"), name="swap")  # takes the name, and often the address
    assert answer(rig, second) == b"hello from second"
    with pytest.raises(NoSuchContainer):
        rig.engine.connect(first, 7860, 5)


@pytest.mark.req("RUN-11")
def test_listening_tells_loopback_from_everywhere(rig: Rig) -> None:
    code = """
import socket, time
socket.create_server(("127.0.0.1", 5000))
keep = [socket.create_server(("127.0.0.1", 5001)), socket.create_server(("0.0.0.0", 5002)),
        socket.create_server(("::", 5003), family=socket.AF_INET6)]
print("up"); time.sleep(600)
"""
    handle = rig.started(code)
    eventually(lambda: len(rig.engine.listening(handle)) == 3)
    found = rig.engine.listening(handle)
    assert {(one.address, one.port) for one in found} == {
        ("127.0.0.1", 5001), ("0.0.0.0", 5002), ("::", 5003),
    }  # fmt: skip


@pytest.mark.req("RUN-03")
def test_nothing_listens_on_the_host(rig: Rig) -> None:
    def ports() -> set[str]:
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        return {line.split()[1] for line in lines if line.split()[3] == "0A"}

    handle = rig.started(server("x"))
    assert answer(rig, handle)
    assert not [port for port in ports() if port.endswith(f":{7860:04X}")]
