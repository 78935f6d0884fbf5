"""What a build depends on besides its revision: variables and secrets by name (3.4, 3.6). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from builder.fingerprint import fingerprint

ALL = "*"
"""In a plan's `arguments`: every variable counts."""


@dataclass(frozen=True)
class Settings:
    """The present variables, and secrets by name and version; values of secrets stay sealed."""

    variables: Mapping[str, str] = field(default_factory=dict)
    secret_versions: Mapping[str, int] = field(default_factory=dict)


def inputs_digest(plan: Mapping[str, Any], settings: Settings) -> str:
    """Of what the stored plan uses of the settings; empty when it uses nothing.

    Secrets count by version: a digest of their values could be guessed at.
    """
    arguments = plan.get("arguments", ())
    names = settings.variables if ALL in arguments else arguments
    variables = {name: settings.variables.get(name) for name in names}
    secrets = {name: settings.secret_versions.get(name) for name in plan.get("secrets", ())}
    if not arguments and not secrets:
        return ""
    return fingerprint(variables=variables, secrets=secrets)
