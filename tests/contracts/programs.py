"""What runs in the containers of these tests, and how one hears of it."""

from __future__ import annotations

from spaceport.engine import LogLine
from tests.contracts.conftest import Rig
from tests.waiting import eventually

FOREVER = "import time; time.sleep(600)"
SERVER = """
import socket, sys
listener = socket.create_server((sys.argv[1] if len(sys.argv) > 1 else "0.0.0.0", 7860))
print("up")
while True:
    client, _ = listener.accept()
    client.sendall(b"hello from " + MARK)
    client.close()
"""


def server(mark: str) -> str:
    return SERVER.replace("MARK", repr(mark.encode()))


def answer(rig: Rig, handle: str, port: int = 7860) -> bytes:
    """What the server says, once it listens."""

    def ask() -> bytes:
        try:
            made = rig.engine.connect(handle, port, 5)
        except ConnectionRefusedError:
            return b""
        made.setblocking(True)
        with made:
            return made.recv(1000)

    return eventually(ask)


def first_line(rig: Rig, handle: str) -> LogLine | None:
    return next(iter(rig.engine.logs(handle)), None)
