"""A client that sends what it likes: paramiko's, with every message recorded and none obeyed."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import paramiko
from paramiko import Message, PKey
from paramiko.packet import Packetizer

from tests.waiting import eventually

FIRST_KEPT = 50  # messages from here on are ours to read, not paramiko's


class _Recorder(Packetizer):
    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.seen: list[tuple[int, bytes]] = []
        self.deaf = threading.Event()

    def read_message(self) -> tuple[int, Message]:
        while self.deaf.is_set() and not self.closed:
            time.sleep(0.05)
        kind, message = super().read_message()
        self.seen.append((kind, message.asbytes()))
        return (kind, message) if kind < FIRST_KEPT else (2, Message())


class Attacker(paramiko.Transport):
    """Connected, keys exchanged; the rest is for the test to say."""

    def __init__(self, port: int, **more: Any) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        super().__init__(self.socket, packetizer_class=_Recorder, **more)
        self.set_log_channel("attacker")
        self.start_client(timeout=20)
        eventually(lambda: self.initial_kex_done)

    @property
    def seen(self) -> list[tuple[int, bytes]]:
        return self.packetizer.seen  # type: ignore[attr-defined, no-any-return]

    def say(self, kind: int, *fields: Any) -> None:
        """One message; bytes and text are strings, ints are uint32, bools are bools."""
        message = Message()
        message.add_byte(bytes([kind]))
        for field in fields:
            if isinstance(field, bool):
                message.add_boolean(field)
            elif isinstance(field, int):
                message.add_int(field)
            else:
                message.add_string(field)
        self._send_message(message)  # type: ignore[attr-defined]

    def hear(self, *kinds: int) -> tuple[int, Message]:
        """Wait for a message of these kinds, and take it and what came before it off the record."""

        def look() -> bool:
            return any(kind in kinds for kind, _ in self.seen) or not self.is_active()

        eventually(look)
        for place, (kind, data) in enumerate(self.seen):
            if kind in kinds:
                del self.seen[: place + 1]
                return kind, Message(data)
        raise AssertionError(f"ended without any of {kinds}: {[kind for kind, _ in self.seen]}")

    def dropped(self) -> bool:
        """Wait until the server has ended it."""
        return eventually(lambda: not self.is_active())

    def deaf(self) -> None:
        """Read nothing any more."""
        self.packetizer.deaf.set()  # type: ignore[attr-defined]

    # Logging in

    def ask_login(self) -> None:
        self.say(5, "ssh-userauth")
        self.hear(6)

    def offer(self, key: PKey, user: str = "git", *, signer: PKey | None = None) -> int:
        """Offer a key, signed if a signer is given; the kind of the answer."""
        fields = [user, "ssh-connection", "publickey", signer is not None, key.get_name()]
        if signer is None:
            self.say(50, *fields, key.asbytes())
            return self.hear(51, 52, 60, 1)[0]
        signed = Message()
        signed.add_string(self.session_id or b"")
        signed.add_byte(b"\x32")
        for field in fields:
            if isinstance(field, bool):
                signed.add_boolean(field)
            else:
                signed.add_string(field)
        signed.add_string(key.asbytes())
        self.say(50, *fields, key.asbytes(), signer.sign_ssh_data(signed.asbytes()).asbytes())
        return self.hear(51, 52, 60, 1)[0]

    def log_in(self, key: PKey) -> None:
        self.ask_login()
        assert self.offer(key, signer=key) == 52

    # Channels

    def open(self, window: int = 1 << 21, kind: str = "session") -> int:
        """The server's number of a new channel; -1 when it is refused."""
        self.say(90, kind, 7, window, 32768)
        answer, message = self.hear(91, 92)
        message.get_int()
        return message.get_int() if answer == 91 else -1

    def request(self, channel: int, kind: str, *fields: Any) -> bool:
        self.say(98, channel, kind, True, *fields)
        return self.hear(99, 100)[0] == 99

    def text(self) -> str:
        """Everything that was said on error streams so far, after the exit status has come."""
        heard = b""
        while True:
            kind, message = self.hear(95, 98)
            message.get_int()
            if kind == 98:
                return heard.decode()
            message.get_int()
            heard += message.get_string()


def load(path: Any) -> PKey:
    return paramiko.Ed25519Key.from_private_key_file(str(path))
