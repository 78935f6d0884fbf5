"""The script element through which a static page learns its Space's variables (3.5.4)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_HEAD = re.compile(rb"<head(?:\s[^>]{0,512})?>", re.IGNORECASE)
_LOOKED_AT = 64 * 1024
_ESCAPES = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def window_script(variables: Mapping[str, str]) -> bytes:
    """The element; no value can end it early or become markup."""
    values = json.dumps({"variables": dict(variables)}, ensure_ascii=False).translate(_ESCAPES)
    return f"<script>window.huggingface={values};</script>".encode("utf-8", "replace")


def insert_at(beginning: bytes) -> int:
    """Where it goes: right after the first `<head>`, or at the very start without one."""
    match = _HEAD.search(beginning, 0, _LOOKED_AT)
    return match.end() if match else 0
