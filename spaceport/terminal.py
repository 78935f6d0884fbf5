"""Making a program's output safe to show: text and colours stay, everything else goes (WEB-14)."""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, and everything that moves the cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)"  # OSC, DCS, SOS, PM, APC up to their end
    r"|\x1b[ -/]*[0-~]?"  # any other, also a torn one
    r"|\x9b[0-?]*[ -/]*[@-~]?"  # CSI as one character
)
_COLOUR = re.compile(r"\x1b\[[0-9;:]{0,64}m")
_CONTROLS = [*range(0x09), *range(0x0A, 0x1B), *range(0x1C, 0x20), *range(0x7F, 0xA0)]
_BIDI = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_DROP = dict.fromkeys([*_CONTROLS, *_BIDI, 0xFEFF]) | {0x2028: " ", 0x2029: " "}


def clean_line(line: str) -> str:
    """One line without escapes but colours (SGR), control and text-direction characters.

    What a terminal would show: of text that a carriage return overwrites only the last remains.
    """
    if "\r" in line:
        line = next((part for part in reversed(line.split("\r")) if part), "")
    if "\x1b" in line or "\x9b" in line:
        line = _ESCAPE.sub(_keep_colour, line)
    return line if line.isascii() and line.isprintable() else line.translate(_DROP)


def without_colours(line: str) -> str:
    """The same line as bare text, for a place that has no colours."""
    return _COLOUR.sub("", line)


def _keep_colour(found: re.Match[str]) -> str:
    return found[0] if _COLOUR.fullmatch(found[0]) else ""
