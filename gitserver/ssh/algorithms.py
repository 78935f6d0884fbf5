"""What is offered to clients, best first (SSH-05): no CBC, no SHA-1, no NIST curves for exchange.

The order matters little, as the client's counts; so ciphers other than the fastest are offered only
to clients that lack it (`ciphers_for`).
"""

from __future__ import annotations

from collections.abc import Sequence

FAST_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
"""Encrypted and authenticated in one pass of the library: twice as fast here as any other."""

CIPHERS = (*FAST_CIPHERS, "aes256-ctr", "aes192-ctr", "aes128-ctr")
MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
EXCHANGES = (
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "diffie-hellman-group16-sha512",
)
HOST_KEYS = ("ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256")
RSA_BITS = 3072
"""The shortest RSA key that opens anything."""


def ciphers_for(proposed: Sequence[str]) -> tuple[str, ...]:
    """What to offer to a client that proposes these.

    By RFC 4253 7.1 the first of the client's that the server has too is used, and OpenSSH names
    CTR before GCM.
    """
    fast = tuple(name for name in FAST_CIPHERS if name in proposed)
    return fast or CIPHERS
