"""The command line: `spaceport`. Every command works while the server runs (design section 5)."""

from __future__ import annotations

from hub.cli.app import main

__all__ = ["main"]
