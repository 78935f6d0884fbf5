"""Logging in with a key, and with nothing else (RFC 4252; SSH-03, SSH-04, SSH-14).

paramiko's own handler asks whether a key is acceptable before anybody has proved to have it, and
leaves it to the server to remember which one it was. Here the key is read from the very request
whose signature was verified, at that moment; keys that were merely offered leave nothing behind.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paramiko import ECDSAKey, Ed25519Key, Message, PKey, RSAKey, SSHException
from paramiko.auth_handler import AuthHandler
from paramiko.common import (
    MSG_SERVICE_REQUEST,
    MSG_USERAUTH_REQUEST,
    cMSG_USERAUTH_FAILURE,
    cMSG_USERAUTH_PK_OK,
    cMSG_USERAUTH_SUCCESS,
)

from gitserver.ssh.access import Barred
from gitserver.ssh.algorithms import RSA_BITS
from spaceport.actor import ANONYMOUS, Actor

if TYPE_CHECKING:
    from gitserver.ssh.transport import ServerTransport

_log = logging.getLogger(__name__)
_KINDS: dict[str, type[PKey]] = {
    "ssh-ed25519": Ed25519Key,
    "ecdsa-sha2-nistp256": ECDSAKey,
    "ecdsa-sha2-nistp384": ECDSAKey,
    "ecdsa-sha2-nistp521": ECDSAKey,
    "rsa-sha2-512": RSAKey,
    "rsa-sha2-256": RSAKey,
}
USER_KEYS = tuple(_KINDS)
"""The signatures that are taken; certificates are not."""


@dataclass(frozen=True)
class Guest:
    """Who has logged in: the key that signed, and whose it was then."""

    actor: Actor
    fingerprint: str


def fingerprint_of(blob: bytes) -> str:
    """`SHA256:...` of a key in its wire form."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


@dataclass(frozen=True)
class LoginRules:
    """Whom to let in. `owner_of` blocks and may raise `Barred`; it is asked for each key that is
    offered."""

    user: str
    attempts: int
    anonymous: bool
    owner_of: Callable[[str], Actor | None]
    welcome: Callable[[Guest], bool]
    """Told of a success before the client is; False when there is no room."""


class KeyLogin(AuthHandler):
    """The server's half of the login, on the connection's thread."""

    _parse_service_request: Callable[[Message], None]  # of paramiko, but not in its type stubs

    def __init__(self, transport: ServerTransport, rules: LoginRules) -> None:
        super().__init__(transport)
        self._rules = rules
        self._tries = 0

    @property
    def _handler_table(self) -> dict[int, Callable[[Message], None]]:
        return {
            MSG_SERVICE_REQUEST: self._parse_service_request,
            MSG_USERAUTH_REQUEST: self._parse_userauth_request,
        }

    def _parse_userauth_request(self, m: Message) -> None:
        if self.authenticated:
            return  # RFC 4252 5.1: such requests are ignored
        user, service, method = m.get_binary(), m.get_binary(), m.get_binary()
        if service != b"ssh-connection":
            raise SSHException("a login for another service")
        if method != b"publickey":
            self._refuse(counts=method != b"none")
            return
        proved, algorithm, blob = m.get_boolean(), m.get_binary(), m.get_binary()
        key = _readable_key(algorithm, blob)
        fingerprint = fingerprint_of(blob)
        # The owner is looked up whatever the user name is: both take the same time (SSH-14).
        owner = self._owner(fingerprint)
        if owner is None or key is None or user != self._rules.user.encode():
            self._refuse()
            return
        if not proved:
            self._answer(cMSG_USERAUTH_PK_OK, algorithm, blob)
            return
        signed = Message()
        signed.add_string(self._transport.session_id or b"")
        signed.add_byte(bytes([MSG_USERAUTH_REQUEST]))
        for field in (user, service, method):
            signed.add_string(field)
        signed.add_boolean(True)
        signed.add_string(algorithm)
        signed.add_string(blob)
        if not _verified(key, algorithm, signed.asbytes(), m.get_binary()):
            self._refuse()
            return
        if not self._rules.welcome(Guest(owner, fingerprint)):
            self._transport.farewell("There are too many connections; try again later.")
            return
        self.authenticated = True
        self._answer(cMSG_USERAUTH_SUCCESS)
        self._transport.log_in()

    def _owner(self, fingerprint: str) -> Actor | None:
        try:
            owner = self._rules.owner_of(fingerprint)
        except Barred:
            return None
        return ANONYMOUS if owner is None and self._rules.anonymous else owner

    @property
    def _transport(self) -> ServerTransport:
        return self.transport  # type: ignore[return-value]

    def _refuse(self, *, counts: bool = True) -> None:
        self._tries += counts
        if self._tries >= self._rules.attempts:
            self._transport.farewell("No key of yours opens anything here.")
            return
        message = Message()
        message.add_byte(cMSG_USERAUTH_FAILURE)
        message.add_string(b"publickey")
        message.add_boolean(False)
        self._transport.send(message)

    def _answer(self, kind: bytes, *fields: bytes) -> None:
        message = Message()
        message.add_byte(kind)
        for field in fields:
            message.add_string(field)
        self._transport.send(message)


def _readable_key(algorithm: bytes, blob: bytes) -> PKey | None:
    """The key, if it is of a kind and a strength that we take (SSH-05)."""
    kind = _KINDS.get(algorithm.decode("ascii", "replace"))
    if kind is None:
        return None
    try:
        key = kind(Message(blob))
        if key.asbytes() != blob:  # what is signed must be what is looked up
            return None
    except Exception:  # whatever a damaged key makes the libraries raise
        return None
    if isinstance(key, RSAKey) and key.get_bits() < RSA_BITS:
        return None
    return key


def _verified(key: PKey, algorithm: bytes, data: bytes, signature: bytes) -> bool:
    message = Message(signature)
    if message.get_binary() != algorithm:
        return False
    message.rewind()
    try:
        return bool(key.verify_ssh_sig(data, message))
    except Exception:  # a signature that is no signature
        _log.debug("a signature could not be read", exc_info=True)
        return False
