"""A validation error as lines that a person can act on: one per mistake, with its dotted path."""

from __future__ import annotations

from pydantic import ValidationError


def as_lines(error: ValidationError) -> str:
    """`http.port: Input should be less than or equal to 65535 (got 99999)`, line by line."""
    return "\n".join(_line(mistake) for mistake in error.errors(include_url=False))


def _line(mistake: object) -> str:
    details = dict(mistake)  # type: ignore[call-overload]
    path = ".".join(str(part) for part in details["loc"]) or "(whole file)"
    if details["type"] == "extra_forbidden":
        return f"  {path}: there is no such setting"
    message = str(details["msg"]).removeprefix("Value error, ")
    given = details.get("input")
    shown = f" (got {given!r})" if isinstance(given, str | int | float | bool) else ""
    return f"  {path}: {message}{shown}"
