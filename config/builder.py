"""Settings of the builder; the bounds are those of security.md section 4."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

MIB = 1024 * 1024
GIB = 1024 * MIB


def _bundle_of(environment: Mapping[str, str]) -> Path | None:
    """Whoever starts the server where TLS passes a proxy has told their own tools so already."""
    named = environment.get("SSL_CERT_FILE")
    return Path(named) if named else None


class StepLimits(BaseModel):
    """What one throwaway container of a build may use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cpus: float = Field(2.0, gt=0, description="Cores; builds yield to apps besides.")
    memory: int = Field(8 * GIB, ge=256 * MIB, description="Bytes; more ends the build.")
    pids: int = Field(1024, ge=16, description="Processes and threads.")
    scratch: int = Field(2 * GIB, ge=16 * MIB, description="Bytes of /tmp and of the home folder.")


class BuilderSettings(BaseModel):
    """How revisions become something that can be started."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    concurrency: int = Field(2, ge=1, le=64, description="Builds that install at the same time.")
    timeout: float = Field(1800.0, gt=0, description="Seconds for one build, waiting excluded.")
    disk_reserve: int = Field(
        10 * GIB,
        ge=0,
        description="Bytes that builds leave free on the disk; never more than a tenth of it.",
    )
    limits: StepLimits = StepLimits()
    index_url: str = Field(
        "", description="The package index that all Spaces use; empty: the one of PyPI."
    )
    trusted_indexes: tuple[str, ...] = Field(
        ("https://download.pytorch.org/whl/",),
        description="Further indexes whose wheels may be shared between Spaces: address prefixes.",
    )
    ca_bundle: Path | None = Field(
        default_factory=lambda: _bundle_of(os.environ),
        description="Certificates for installing through a proxy that ends TLS; "
        "default from SSL_CERT_FILE.",
    )
    lock_hours: float = Field(
        24.0, ge=0, description="For so long equal requirements give equal versions, at least."
    )
    link_from: int = Field(
        1 * MIB,
        ge=0,
        description="Files of a repository that are at least this large are linked read-only into "
        "the app's folder at start, smaller ones are copied; 0: all are copied.",
    )
    fast_start: bool = Field(True, description="Skip Gradio's rewriting of its own type stubs.")
    prewarm: bool = Field(
        True, description="Install the default SDK versions while nothing else is built."
    )
    build_image: str = Field(
        "node:22", description="Where the app_build_command of static Spaces runs, if it is had."
    )
    allowed_images: tuple[str, ...] = Field(
        ("*",), description="Patterns of images that a Dockerfile may name in FROM."
    )
    engine_retry: float = Field(
        5.0, gt=0, description="Seconds between two looks at an engine that does not answer."
    )
    keep_releases: int = Field(
        5, ge=1, description="Releases of a Space whose files are kept to roll back to."
    )
