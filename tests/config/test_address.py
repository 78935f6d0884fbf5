import pytest
from pydantic import ValidationError

from config.address import HostPort


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:8080", "127.0.0.1", 8080), ("[::1]:22", "::1", 22), ("0.0.0.0:0", "0.0.0.0", 0)],
)
def test_host_and_port_are_read(text: str, host: str, port: int) -> None:
    address = HostPort.model_validate(text)
    assert (address.host, address.port) == (host, port)
    assert HostPort.model_validate(str(address)) == address


@pytest.mark.parametrize("text", ["8080", "localhost", "localhost:http", "localhost:70000", ":80"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        HostPort.model_validate(text)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost", True), ("127.0.0.9", True), ("::1", True), ("0.0.0.0", False), ("hub", False)],
)
def test_loopback_is_known(host: str, loopback: bool) -> None:
    assert HostPort(host=host, port=1).loopback is loopback
