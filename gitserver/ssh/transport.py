"""One SSH connection as paramiko serves it, with what paramiko leaves open closed.

Everything here runs on the connection's own thread, but for `kill` and what sessions send. What
happens is told to a `Listener`, which hands it to the event loop.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import paramiko
from paramiko import Channel, Message, SSHException
from paramiko.common import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_WINDOW_ADJUST,
    cMSG_DISCONNECT,
    cMSG_GLOBAL_REQUEST,
)
from paramiko.kex_curve25519 import KexCurve25519

from config.ssh import SshLimits
from gitserver.ssh import algorithms
from gitserver.ssh.authentication import USER_KEYS, KeyLogin, LoginRules
from gitserver.ssh.hostkeys import HostKey
from gitserver.ssh.messages import permitted
from gitserver.ssh.packetizer import GuardedPacketizer

_REMEMBERED = 1000  # closed channels whose late messages are passed over
_BY_APPLICATION = 11  # the reason of a disconnect, RFC 4253 11.1
_PROPOSAL_WAIT = 0.5  # seconds that a client's proposal may take before ours goes first

# What paramiko would log is a client's to choose, in words and in number (SSH-17, OVL-15).
_SILENT = logging.getLogger("gitserver.ssh.paramiko")
_SILENT.disabled = True


class Listener(Protocol):
    """Told on the connection's thread; must not block."""

    def opened(self, channel: Channel) -> None:
        """The client has opened a channel."""
        ...

    def answered(self, channel: Channel) -> None:
        """A request of a channel has been answered: from now on something may be sent on it."""
        ...

    def data(self, channel: Channel, data: bytes) -> None:
        """Raises `SSHException` when it is more than the client may send."""
        ...

    def no_more(self, channel: Channel, *, closed: bool) -> None:
        """The client ends its side of a channel, or all of it."""
        ...


class ServerTransport(paramiko.Transport):
    """Serves one client. `start` begins; `kill` ends it from any thread."""

    _CLIENT_ID = "spaceport"
    _active_check_timeout = 0.25  # paramiko looks so often whether it should end
    _preferred_ciphers: Sequence[str] = algorithms.CIPHERS
    _preferred_macs = algorithms.MACS
    _preferred_keys = algorithms.HOST_KEYS
    _preferred_pubkeys = USER_KEYS
    _preferred_compression = ("none",)
    _kex_info = {  # noqa: RUF012
        **paramiko.Transport._kex_info,  # type: ignore[attr-defined]
        "curve25519-sha256": KexCurve25519,  # the same, by its later name
    }
    _preferred_kex = tuple(filter(_kex_info.__contains__, algorithms.EXCHANGES))

    # Of paramiko, but not in its type stubs
    _send_message: Callable[[Message], None]
    _auth_trigger: Callable[[], None]

    packetizer: GuardedPacketizer

    def __init__(
        self,
        sock: socket.socket,
        *,
        limits: SshLimits,
        rules: LoginRules,
        listener: Listener,
        ended: Callable[[Exception | None], None],
        host_keys: Sequence[HostKey],
        interface: paramiko.ServerInterface,
    ) -> None:
        super().__init__(
            sock,
            default_window_size=limits.window,
            default_max_packet_size=limits.channel_packet,
            packetizer_class=lambda sock: GuardedPacketizer(sock, limits),  # type: ignore[arg-type]
        )
        self.set_log_channel(_SILENT.name)
        self.name = "ssh-connection"
        self._limits = limits
        self._rules = rules
        self._listener = listener
        self._ended = ended
        self._proposed = False
        self._begun = time.monotonic()
        self._asked = self._begun
        self.packetizer.judge = self._judge
        self.packetizer.quiet = self._quiet
        for host_key in host_keys:
            self.add_server_key(host_key.key)
        self._channel_handler_table = {
            MSG_CHANNEL_DATA: self._data,
            MSG_CHANNEL_WINDOW_ADJUST: Channel._window_adjust,  # type: ignore[attr-defined]
            MSG_CHANNEL_REQUEST: self._requested,
            MSG_CHANNEL_EOF: self._end_of_data,
            MSG_CHANNEL_CLOSE: self._closed_by_client,
        }
        self._interface = interface

    def begin(self) -> None:
        """Start the thread; returns at once."""
        self.start_server(event=threading.Event(), server=self._interface)

    def run(self) -> None:
        try:
            super().run()
        finally:
            self._ended(self.saved_exception)

    def kill(self) -> None:
        """End the connection, from any thread and without a word."""
        self.active = False
        self.packetizer.close()

    def farewell(self, reason: str) -> None:
        """End the connection with a reason that the client prints."""
        message = Message()
        message.add_byte(cMSG_DISCONNECT)
        message.add_int(_BY_APPLICATION)
        message.add_string(reason)
        message.add_string("en")
        self._send_message(message)
        raise SSHException(reason)

    def send(self, message: Message) -> None:
        self._send_message(message)

    def log_in(self) -> None:
        self._auth_trigger()

    # What may come, and when

    def _judge(self, kind: int) -> None:
        known = self.is_authenticated()
        exchanging = self.in_kex or not self.initial_kex_done
        if not permitted(kind, exchanging=exchanging, keyed=self.initial_kex_done, known=known):
            raise SSHException(f"message {kind} has no place here")

    def _quiet(self) -> None:
        """Nothing has come for a moment: send our proposal if the client waits for it; ask whether
        the other side is there (SSH-15)."""
        now = time.monotonic()
        if not self._proposed:
            if now - self._begun > _PROPOSAL_WAIT and self.remote_version:
                self._proposed = True
                self._send_kex_init()
            return
        if not self.is_authenticated() or self.in_kex:
            return
        if min(now - self.packetizer.heard, now - self._asked) > self._limits.ask:
            self._asked = now
            message = Message()
            message.add_byte(cMSG_GLOBAL_REQUEST)
            message.add_string("keepalive@openssh.com")
            message.add_boolean(True)
            self._send_message(message)

    # Exchanging keys

    def _send_kex_init(self) -> None:
        """Not before the client's, of which ours depends, unless that is long in coming."""
        if self._proposed:
            super()._send_kex_init()  # type: ignore[misc]

    def _negotiate_keys(self, m: Message) -> None:
        if not self._proposed:
            self._preferred_ciphers = algorithms.ciphers_for(_ciphers_of(m))
            self._proposed = True
        super()._negotiate_keys(m)  # type: ignore[misc]

    def _parse_newkeys(self, m: Message) -> None:
        if self.auth_handler is None:
            self.auth_handler = KeyLogin(self, self._rules)
        super()._parse_newkeys(m)  # type: ignore[misc]

    # Channels

    def _queue_incoming_channel(self, channel: Channel) -> None:
        """paramiko itself holds channels weakly, and this one for nobody: the listener has it."""
        self._listener.opened(channel)
        while len(self.channels_seen) > _REMEMBERED:
            del self.channels_seen[next(iter(self.channels_seen))]

    def _data(self, channel: Channel, m: Message) -> None:
        self._listener.data(channel, m.get_binary())

    def _requested(self, channel: Channel, m: Message) -> None:
        channel._handle_request(m)  # type: ignore[attr-defined]
        self._listener.answered(channel)

    def _end_of_data(self, channel: Channel, m: Message) -> None:
        channel._handle_eof(m)  # type: ignore[attr-defined]
        self._listener.no_more(channel, closed=False)

    def _closed_by_client(self, channel: Channel, m: Message) -> None:
        channel._handle_close(m)  # type: ignore[attr-defined]
        self._listener.no_more(channel, closed=True)


def _ciphers_of(proposal: Message) -> Sequence[str]:
    """The ciphers that a proposal names for both directions; leaves it unread."""
    proposal.get_bytes(16)
    _exchanges, _host_keys, theirs, ours = (proposal.get_list() for _ in range(4))
    proposal.rewind()
    return [name for name in theirs if name in ours]
