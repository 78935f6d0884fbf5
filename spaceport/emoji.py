"""Telling one emoji from everything else (the card's `emoji` is one emoji, nothing else)."""

from __future__ import annotations

import re

_BASE = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe"
    "\u2600-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299"
    "\U0001f004\U0001f0cf\U0001f170-\U0001f251\U0001f300-\U0001faff"
)
_SKIN = "[\U0001f3fb-\U0001f3ff]"
_ONE = rf"[{_BASE}](?:\ufe0f|{_SKIN})?"
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
_REGION = "\U0001f3f4[\U000e0030-\U000e007a]{2,6}\U000e007f"
_KEYCAP = "[0-9#*]\ufe0f?\u20e3"
_EMOJI = re.compile(rf"{_FLAG}|{_REGION}|{_KEYCAP}|{_ONE}(?:\u200d{_ONE}){{0,7}}")

CHOICES = "🚀 🌍 🎨 🔥 🐠 🏃 💻 📈 🌖 👀 🐨 🦀 ⚡ 📊 🏆 🌟 🎉 🐢 📚 🎯 🦊 🌈 🍀 🧩".split()
"""What a new Space's emoji is picked from."""


def is_emoji(text: str) -> bool:
    """Whether `text` is exactly one emoji: also flags, skin tones, keycaps and joined ones."""
    return _EMOJI.fullmatch(text) is not None
