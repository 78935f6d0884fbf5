"""What a check found: what refuses the push, and what is only told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spaceport.push import Push, Rejection
from spaceport.terminal import clean_line

SHOWN = 10


@dataclass(frozen=True)
class Verdict:
    """`warnings` are lines for the person who pushes; an empty verdict says that all is well."""

    rejections: tuple[Rejection, ...] = ()
    warnings: tuple[str, ...] = ()


FINE = Verdict()


def refuse_all(push: Push, reason: str, message: str) -> Verdict:
    """Refuse every ref that this push sets: what is wrong lies in the objects of all of them."""
    refs = [update.ref for update in push.updates if not update.deleted]
    # The text once: git shows the reason beside each ref, and the message above them.
    texts = [message] + [""] * (len(refs) - 1)
    return Verdict(
        tuple(Rejection(ref, reason, text) for ref, text in zip(refs, texts, strict=True))
    )


def listed(paths: Iterable[str]) -> str:
    """Paths one below the other, indented, not more than a screen shows."""
    found = list(paths)
    lines = [f"  {shown(path)}" for path in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"  ... and {len(found) - SHOWN} more")
    return "\n".join(lines)


def shown(path: str) -> str:
    """A path as a terminal may show it."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return clean_line(text.replace("\r", "?").replace("\x1b", "?"))


def human(size: int) -> str:
    """Bytes as `12 MiB`, rounded up, so that what is above a limit also reads as above it."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size} {unit}"
        size = -(-size // 1024)
    return f"{size} GiB"
