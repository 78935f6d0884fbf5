"""Names made of content: the same inputs give the same 40 hex digits, on any machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def fingerprint(**parts: Any) -> str:
    """Of plain data (JSON); the order of keys does not matter, that of lists does."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def fingerprint_of_files(files: Iterable[Path]) -> str:
    """Of the names and contents of a few small files."""
    content = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    return fingerprint(files=content)
