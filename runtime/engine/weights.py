"""How much containers weigh against each other and against the host's own processes."""

from __future__ import annotations

NORMAL_SHARES = 1024
LOW_SHARES = 64
"""Of a processor, for builds: with any app busy, they get a sixteenth of its share."""

APP_OOM_SCORE = 500
LOW_OOM_SCORE = 800
"""When the machine runs out of memory, builds go before apps, and apps before the host."""
