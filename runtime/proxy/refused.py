"""The one way in which a malformed request is turned away."""

from __future__ import annotations


class Refused(Exception):
    """Raised when a request is answered here with `status` and its connection closed."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
