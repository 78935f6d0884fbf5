"""Requests exactly as a test writes them."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json()["error"])


@dataclass(frozen=True)
class Wire:
    port: int

    def begin(self, path: str, headers: Mapping[str, str]) -> Answer:
        """The head of an answer that may never end; an error is read whole."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers={"Host": f"localhost:{self.port}", **headers})
            answer = connection.getresponse()
            body = b"" if answer.status == 200 else answer.read()
            return Answer(answer.status, answer.headers, body)
        finally:
            connection.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        json_body: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        sent = {"Host": f"localhost:{self.port}", **(headers or {})}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if json_body is not None:
            body = json.dumps(json_body).encode()
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **options: Any) -> Answer:
        return self.ask("GET", path, **options)

    def raw(self, data: bytes) -> bytes:
        """Send bytes, return everything until the server closes or is silent for a second."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as sock:
            sock.sendall(data)
            sock.settimeout(1)
            received = b""
            try:
                while piece := sock.recv(65536):
                    received += piece
            except TimeoutError:
                pass
            return received
