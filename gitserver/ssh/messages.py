"""Which messages a client may send, and when (RFC 4250 4.1, SSH-01, SSH-02).

paramiko answers some messages that have no place with an error, and goes on. Here they end the
connection: no code that comes after sees one.
"""

from __future__ import annotations

_ALWAYS = frozenset({1, 2, 3, 4, 5, 7, 20, 21})
"""disconnect, ignore, unimplemented, debug, service request, ext info, kexinit, newkeys"""

_EXCHANGE = frozenset({30, 32, 34})
"""A client's half of a key exchange."""

_LOGIN = frozenset({50})
_CONNECTION = frozenset({80, 81, 82, 90, 93, 94, 96, 97, 98})
"""Global requests and answers to ours; channels: open, window, data, end, close, requests."""


def permitted(kind: int, *, exchanging: bool, keyed: bool, known: bool) -> bool:
    """Whether a client may send a message of this kind.

    `exchanging`: a key exchange is under way. `keyed`: the first one is done. `known`: the client
    has logged in. Keys are not exchanged anew before the login: nothing needs it but an attack.
    """
    if kind == 20:
        return known or not keyed
    if kind in _EXCHANGE:
        return exchanging
    if kind in _ALWAYS:
        return True
    if kind in _LOGIN:
        return keyed
    return known and kind in _CONNECTION
