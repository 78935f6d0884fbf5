"""Hiding secret values in text, in each form in which programs print them (BLD-04)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = "********"
LEAST = 8  # a shorter value would hide ordinary words
PIECE = 256  # long values are hidden piece by piece, so that a window of this size is enough


class Masks:
    """`hide(line)` replaces the given values and their base64, hex, URL and JSON forms.

    A value of several lines is hidden line by line. Values under 8 bytes are left alone.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {piece for secret in secrets for form in _forms(secret) for piece in _pieces(form)}
        self._forms = sorted(forms, key=len, reverse=True)
        self.longest = max((len(form) for form in self._forms), default=0)

    def hide(self, line: str) -> str:
        for form in self._forms:
            if form in line:
                line = line.replace(form, MASK)
        return line


def _forms(secret: str) -> Iterator[str]:
    for part in {secret, secret.strip(), *secret.splitlines()}:
        raw = part.encode("utf-8", errors="surrogateescape")
        if len(raw) < LEAST:
            continue
        yield part
        yield json.dumps(part)[1:-1]
        yield json.dumps(part, ensure_ascii=False)[1:-1]
        yield quote(raw)
        yield quote(raw, safe="")
        yield quote_plus(raw)
        yield raw.hex()
        yield raw.hex().upper()
        yield from _base64_forms(raw)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Base64 of the value alone and inside something longer: three alignments, certain digits."""
    for offset in range(3):
        padded = b"\0" * offset + raw
        spare = len(padded) % 3
        for encoded in (base64.b64encode(padded), base64.urlsafe_b64encode(padded)):
            text = encoded.decode().rstrip("=")
            first = (0, 2, 3)[offset]  # digits that also depend on what stands before
            last = len(text) - (1 if spare else 0)  # and one that depends on what follows
            if last - first >= LEAST:
                yield text[first:last]
            if offset == 0:
                yield text


def _pieces(form: str) -> Iterator[str]:
    for start in range(0, len(form), PIECE):
        end = start + PIECE
        if len(form) - end < LEAST:
            end = len(form)  # a rest too short to be hidden alone goes with the piece before it
        yield form[start:end]
        if end == len(form):
            return
