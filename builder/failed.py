"""How a build ends when it cannot succeed."""

from __future__ import annotations

from typing import Any

from spaceport.cause import Cause, Failure


class BuildFailed(Exception):
    """Raised anywhere within a build; `failure` is what the owner gets to read."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.explain().sentence)
        self.failure = failure

    @classmethod
    def of(cls, cause: Cause, **detail: Any) -> BuildFailed:
        return cls(Failure(cause, detail))
