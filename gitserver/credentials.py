"""Reading what a client shows in the `Authorization` header."""

from __future__ import annotations

import base64
import binascii

from gitserver.access import Credentials

_LONGEST = 4096
ANONYMOUS = Credentials()
_UNUSABLE = "?"
UNREADABLE = Credentials(token=_UNUSABLE)
"""Stands for a header that nobody can log in with."""


def parse_authorization(header: str | None) -> Credentials:
    """The credentials in a header; what cannot be read counts as wrong, not as anonymous."""
    if not header:
        return ANONYMOUS
    scheme, _, value = header.partition(" ")
    if len(header) > _LONGEST:
        return UNREADABLE
    if scheme.lower() == "bearer" and value.strip():
        return Credentials(token=value.strip())
    if scheme.lower() == "basic":
        return _basic(value.strip())
    return UNREADABLE


def _basic(value: str) -> Credentials:
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return UNREADABLE
    user, colon, password = text.partition(":")
    if not colon:
        return UNREADABLE
    return Credentials(user=user, token=password or user)
