"""The one place that turns what docker-py raises into the errors of `spaceport.engine`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import docker.errors
import requests
import urllib3.exceptions

from spaceport.engine import EngineDown, EngineRefused, NoSuchContainer

UNREACHABLE = (
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    docker.errors.DockerException,
    ConnectionError,
    TimeoutError,
)


class NoSuchImage(EngineRefused):
    """Raised for a reference that the engine does not have."""


@contextmanager
def translated(base_url: str, handle: str = "") -> Iterator[None]:
    """Every call to docker-py runs inside this. With `handle`, 404 means `NoSuchContainer`."""
    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise NoSuchImage(_text(error)) from error
    except docker.errors.NotFound as error:
        if handle:
            raise NoSuchContainer(f"There is no container {handle[:12]} any more.") from error
        raise (NoSuchImage if "image" in _text(error) else EngineRefused)(_text(error)) from error
    except docker.errors.APIError as error:
        raise EngineRefused(_text(error)) from error
    except UNREACHABLE as error:
        message, hint = why_down(str(error), base_url, shutil.which("dockerd") is not None)
        raise EngineDown(message, hint=hint) from error


def _text(error: docker.errors.APIError) -> str:
    return str(error.explanation or error)


def why_down(error: str, base_url: str, installed: bool) -> tuple[str, str]:
    """What to tell a person when the engine at `base_url` does not answer: message and hint."""
    parts = urlsplit(base_url)
    local = parts.scheme in ("unix", "http+unix", "")
    if "Permission denied" in error or "PermissionError" in error:
        return (
            f"The container engine's socket {parts.path} may not be used by this user.",
            "Add the user to the group 'docker' and sign in again, or start Spaceport as root.",
        )
    if not local:
        return (
            f"The container engine at {base_url} does not answer.",
            "Check engine.docker_host, the network between, and the engine's TLS certificates.",
        )
    if installed:
        return (
            f"The container engine is installed but does not answer at {parts.path}.",
            "Start it: 'systemctl start docker', or 'dockerd' where there is no systemd.",
        )
    return (
        f"No container engine answers at {parts.path}.",
        "Install one (Debian and Ubuntu: 'apt install docker.io'), or set engine.kind to "
        "'process' to run Spaces as sandboxed processes.",
    )
