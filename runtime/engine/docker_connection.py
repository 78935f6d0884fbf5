"""One connection to Docker Engine: made when first needed, so that an absent engine can be told."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import requests
from docker import APIClient
from docker.utils import kwargs_from_env

from runtime.engine.docker_errors import translated
from runtime.engine.docker_stream import Stream

USUAL_SOCKET = Path("/var/run/docker.sock")
_IDLE_CONNECTIONS = 32  # as many as calls may be made at once without opening new ones
PLAIN_CALL = 60.0
"""Seconds that a call which does not wait for a container may take."""


def usual_address() -> str:
    """The usual socket, or that of a rootless engine of this user where only it is there."""
    rootless = Path(os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")) / "docker.sock"
    socket = rootless if rootless.exists() and not USUAL_SOCKET.exists() else USUAL_SOCKET
    return f"unix://{socket}"


class Connection:
    """The API client and what the engine said of itself. Safe to use from many threads."""

    def __init__(self, docker_host: str = "") -> None:
        self._arguments: dict[str, Any] = {**kwargs_from_env()}
        self.base_url: str = docker_host or self._arguments.get("base_url") or usual_address()
        self._arguments["base_url"] = self.base_url
        self._client: Any = None
        self._info: Mapping[str, Any] | None = None
        self._lock = threading.Lock()

    @property
    def local(self) -> bool:
        """Whether the engine's processes may be processes of this machine."""
        return self.base_url.startswith(("unix:", "http+unix:"))

    def calls(self, handle: str = "") -> AbstractContextManager[None]:
        """Translate what docker-py raises inside."""
        return translated(self.base_url, handle)

    @property
    def client(self) -> Any:  # docker-py's type stubs know only half of its methods
        """Negotiates the API's version at first. Raises what docker-py raises: use in `calls`."""
        with self._lock:
            if self._client is None:
                self._client = APIClient(
                    **self._arguments,
                    version="auto",
                    timeout=int(PLAIN_CALL),
                    max_pool_size=_IDLE_CONNECTIONS,
                )
            return self._client

    def info(self) -> Mapping[str, Any]:
        """`GET /info`, asked once. Use in `calls`."""
        if self._info is None:
            self._info = self.client.info()
        return self._info

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Any = None,
        timeout: float | None = PLAIN_CALL,
        stream: bool = False,
    ) -> requests.Response:
        """One request as docker-py would make it; for what it cannot express. Use in `calls`."""
        client = self.client
        response: requests.Response = client.request(
            method,
            client._url(path),
            params=params,
            json=json,
            data=data,
            headers={"Content-Type": "application/x-tar"} if data is not None else None,
            timeout=timeout,
            stream=stream,
        )
        client._raise_for_status(response)
        return response

    def stream(
        self, method: str, path: str, *, params: Mapping[str, Any], data: Any = None
    ) -> Stream:
        """A call whose answer goes on without a time limit. Use in `calls`."""
        return Stream(self.call(method, path, params=params, data=data, timeout=None, stream=True))

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None
