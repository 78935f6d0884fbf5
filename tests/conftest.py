"""What every test may use, and which tests this machine can run.

Tests marked `engine`, `browser` or `postgresql` are skipped with a reason where the part is absent,
and fail instead when `SPACEPORT_REQUIRE_ENGINE=1` (as in CI).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no failure: nothing in the tests is judged by the clock.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

REQUIRED = os.environ.get("SPACEPORT_REQUIRE_ENGINE") == "1"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@cache
def engine_absent() -> str:
    client = shutil.which("docker")
    if client is None:
        return "no container engine is installed"
    asked = subprocess.run([client, "info"], capture_output=True, text=True, timeout=30)
    return "" if asked.returncode == 0 else f"no container engine answers: {asked.stderr[:200]}"


@cache
def postgresql_absent() -> str:
    found = list(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb")
    return "" if found else "no PostgreSQL server is installed"


def browser_absent() -> str:
    return "" if CHROMIUM else "Chromium is not installed"


NEEDS = {"engine": engine_absent, "browser": browser_absent, "postgresql": postgresql_absent}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, absent in NEEDS.items():
        if item.get_closest_marker(marker) and (reason := absent()):
            if REQUIRED:
                pytest.fail(f"required here, but {reason}", pytrace=False)
            pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def localhost_names() -> Iterator[None]:
    """`*.localhost` is this machine (RFC 6761), also where the C library does not know it."""
    resolve = socket.getaddrinfo

    def resolve_localhost(host: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        local = isinstance(name, str) and name.endswith(".localhost")
        return resolve("127.0.0.1" if local else host, *rest, **more)

    socket.getaddrinfo = resolve_localhost
    yield
    socket.getaddrinfo = resolve


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> None:
    """Nothing of the person who runs the tests reaches git, the hub client or Spaceport."""
    for name in list(os.environ):
        if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER", "HF_", "GRADIO_", "SPACEPORT_DATA")):
            del os.environ[name]
    os.environ.update(
        GIT_CONFIG_NOSYSTEM="1",
        GIT_CONFIG_GLOBAL=os.devnull,
        GIT_TERMINAL_PROMPT="0",
        GIT_AUTHOR_NAME="Ada",
        GIT_AUTHOR_EMAIL="ada@example.org",
        GIT_COMMITTER_NAME="Ada",
        GIT_COMMITTER_EMAIL="ada@example.org",
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_DISABLE_UPDATE_CHECK="1",
        GRADIO_ANALYTICS_ENABLED="False",
    )
