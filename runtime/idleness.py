"""When a Space is frozen and put to sleep (spaces-behaviour 8.3); pure."""

from __future__ import annotations

from config.catalogue import Flavor

NEVER = -1


def sleep_after(
    flavor: Flavor, asked: int | None, free_seconds: int | None, *, preview: bool = False
) -> float | None:
    """Seconds without use after which the Space sleeps; None: never.

    Free hardware sleeps when the installation says, whatever was asked (8.3.1); paid hardware only
    when asked (8.3.2, 8.3.3). A preview has a sleep time of its own on any hardware.
    """
    if not flavor.paid and not preview:
        return free_seconds
    return None if asked is None or asked == NEVER else asked


def freeze_after(flavor: Flavor, asked: int | None, seconds: float | None) -> float | None:
    """Seconds without use after which the Space is frozen; None: never.

    Only what may sleep may be frozen: whoever pays for hardware without a sleep time was promised
    an app that goes on working while nobody looks. GPU memory cannot be frozen along.
    """
    if not seconds or flavor.gpus or (flavor.paid and (asked is None or asked == NEVER)):
        return None
    return seconds


def idle_seconds(now: float, *moments: float, open_connections: int) -> float:
    """Since the latest of `moments`: the last use, the first answer, our own start. Unix times.

    Our own start counts, since nobody noted the use before it.
    """
    if open_connections > 0:
        return 0.0
    return max(0.0, now - max(moments))
