"""What a client sends and takes: files by sendfile, answers dropped in the kernel."""

from __future__ import annotations

import http.client
import json
import os
import socket
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

MEDIA_TYPE = "application/vnd.git-lfs+json"
_DROP = 1 << 20


def put(port: int, path: str, file: Path) -> None:
    """PUT a file; raises `RuntimeError` unless it was taken."""
    size = file.stat().st_size
    with socket.create_connection(("127.0.0.1", port)) as sock, file.open("rb") as source:
        head = f"PUT {path} HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: {size}\r\n"
        sock.sendall(f"{head}Connection: close\r\n\r\n".encode())
        at = 0
        while at < size:
            at += os.sendfile(sock.fileno(), source.fileno(), at, size - at)
        answer = sock.recv(65536)
    if answer.split(b" ")[1] not in (b"200", b"201", b"204"):
        raise RuntimeError(f"PUT was refused: {answer[:300]!r}")


def get(port: int, path: str, size: int, streams: int = 1) -> None:
    """GET the same path on so many connections at once; the bytes are dropped."""
    failures: list[BaseException] = []

    def one() -> None:
        try:
            _get(port, path, size)
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=one) for _ in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _get(port: int, path: str, size: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        request = f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
        sock.sendall(request.encode())
        begun = sock.recv(65536)
        if b" 200 " not in begun.split(b"\r\n")[0]:
            raise RuntimeError(f"GET was refused: {begun[:300]!r}")
        got = len(begun) - begun.index(b"\r\n\r\n") - 4
        buffer = bytearray(_DROP)  # never filled: the kernel throws the bytes away
        while got < size:
            count = sock.recv_into(buffer, _DROP, socket.MSG_TRUNC)
            if count == 0:
                raise RuntimeError(f"only {got} of {size} bytes came")
            got += count


def address(port: int, space: str, token: str, operation: str, oid: str, size: int) -> str:
    """Where to upload or download an object: asked with a batch, as git-lfs does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {
        "Host": f"localhost:{port}",
        "Authorization": f"Bearer {token}",
        "Accept": MEDIA_TYPE,
        "Content-Type": MEDIA_TYPE,
    }
    body = {"operation": operation, "objects": [{"oid": oid, "size": size}]}
    path = f"/spaces/{space}.git/info/lfs/objects/batch"
    connection.request("POST", path, json.dumps(body), headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    parts = urlsplit(answer["objects"][0]["actions"][operation]["href"])
    return f"{parts.path}?{parts.query}"
