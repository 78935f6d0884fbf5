"""The lines that tell a client where its history is cut off."""

from __future__ import annotations

from collections.abc import Callable

from gitserver import pktline
from gitserver.upload.answers import Event


def cut_lines_of(event: Event, frame: Callable[[bytes], bytes]) -> bytes:
    lines = [f"shallow {oid}" for oid in event["shallow"]]
    lines += [f"unshallow {oid}" for oid in event["unshallow"]]
    # without newlines, as git writes them: libgit2 takes no others
    return b"".join(frame(pktline.pkt(line.encode())) for line in lines)
