"""Which images a Dockerfile may name (BLD-06): never those of this server, nor local ids."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

OWN = "spaceport"
"""Repositories that begin so are what this server made: bases and other Spaces' images."""

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?::([-+])([^{}]*))?\}|([A-Za-z_]\w*))")
_HEX = re.compile(r"[0-9a-f]+")


def expand(text: str, values: Mapping[str, str]) -> str:
    """Put in `$NAME`, `${NAME}`, `${NAME:-word}` and `${NAME:+word}`; others stay as they are."""

    def put(match: re.Match[str]) -> str:
        name = match.group(1) or match.group(4)
        value = values.get(name, "")
        if match.group(2) == "-":
            return value or match.group(3)
        if match.group(2) == "+":
            return match.group(3) if value else ""
        return value

    return _VARIABLE.sub(put, text)


def refusal(image: str, allowed: Sequence[str]) -> str:
    """Why an image must not be used; empty when it may."""
    if not image or "$" in image:
        return f"the image {image!r} depends on variables in a way that cannot be checked."
    if image.startswith("sha256:") or _HEX.fullmatch(image):
        return f"{image!r} names an image by its id; name it by repository and tag."
    name = image.lower()
    host = name.partition("/")[0] if "/" in name else ""
    if _is_local(host):
        return f"{image!r} lies on an address that builds may not reach."
    plain = _plain(name)
    if plain.startswith(OWN):
        return f"{image!r} is an image of this server itself."
    if not any(fnmatchcase(name, pattern) or fnmatchcase(plain, pattern) for pattern in allowed):
        return f"{image!r} is not among the images that this server allows."
    return ""


def _plain(name: str) -> str:
    for prefix in ("docker.io/", "index.docker.io/", "registry-1.docker.io/"):
        name = name.removeprefix(prefix)
    return name.removeprefix("library/")


def _is_local(host: str) -> bool:
    """A registry given as `localhost` or as a bare address; names go through the resolver."""
    bare = re.sub(r":\d+$", "", host).strip("[]")
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return False
    return True
