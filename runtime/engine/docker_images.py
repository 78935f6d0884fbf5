"""Images: is it there, fetch it, make it from a folder, remove it."""

from __future__ import annotations

import contextlib
import os
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker.errors
import requests

from runtime.engine.docker_connection import Connection
from spaceport.engine import LABEL_INSTANCE, EngineRefused

_ASKING = 10.0
_ABSENT_FOR = 300.0
"""Seconds that the answer "no registry" or "no such image" is remembered."""


class DockerImages:
    def __init__(self, connection: Connection, instance: str) -> None:
        self._connection = connection
        self._instance = instance
        self._absent: dict[str, float] = {}

    def has(self, reference: str) -> bool:
        with self._connection.calls():
            try:
                self._connection.client.inspect_image(reference)
            except docker.errors.NotFound:
                return False
            return True

    def pull(self, reference: str) -> bool:
        """Asks the registry for the name first, within seconds; only then is it fetched."""
        if self._absent.get(reference, 0.0) > time.monotonic():
            return False
        if self._registry_has(reference) and self._fetch(reference):
            return True
        self._absent[reference] = time.monotonic() + _ABSENT_FOR
        return False

    def _registry_has(self, reference: str) -> bool:
        with self._connection.calls():
            try:
                self._connection.call("GET", f"/distribution/{reference}/json", timeout=_ASKING)
            except (requests.exceptions.ReadTimeout, docker.errors.APIError):
                return False
            return True

    def _fetch(self, reference: str) -> bool:
        with self._connection.calls():
            try:
                for _ in self._connection.client.pull(reference, stream=True, decode=True):
                    pass
            except docker.errors.APIError:
                return False
        return self.has(reference)

    def import_tree(self, tree: Path, reference: str, env: Mapping[str, str]) -> None:
        name, _, tag = reference.partition(":")
        changes = [f"ENV {key}={quoted(value)}" for key, value in env.items()]
        changes.append(f"LABEL {LABEL_INSTANCE}={quoted(self._instance)}")
        params = {
            "fromSrc": "-",
            "repo": name,
            "tag": tag or "latest",
            "changes": changes,
        }
        with self._connection.calls():
            self._connection.call(
                "POST", "/images/create", params=params, data=tar_stream(tree), timeout=None
            )
        if not self.has(reference):
            raise EngineRefused(f"The engine did not take the folder as {reference}.")

    def tag(self, reference: str, alias: str) -> None:
        """Give an image a second name."""
        name, _, tag = alias.partition(":")
        with self._connection.calls():
            self._connection.client.tag(reference, name, tag or "latest", force=True)

    def remove(self, reference: str) -> None:
        with self._connection.calls(), contextlib.suppress(docker.errors.NotFound):
            self._connection.client.remove_image(reference)


def quoted(value: str) -> str:
    """One word of a Dockerfile instruction."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def tar_stream(tree: Path) -> Iterator[bytes]:
    """The folder as a tar, made while it is read. What belongs to us here belongs to root there."""
    read, write = os.pipe()
    thread = threading.Thread(target=_write_tar, args=(tree, write), name="tar", daemon=True)
    thread.start()
    with os.fdopen(read, "rb") as pipe:
        while part := pipe.read(1024 * 1024):
            yield part
    thread.join()


def _write_tar(tree: Path, descriptor: int) -> None:
    own = (os.geteuid(), os.getegid())

    def as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = 0 if entry.uid == own[0] else entry.uid
        entry.gid = 0 if entry.gid == own[1] else entry.gid
        entry.uname = entry.gname = ""
        return entry

    with (
        contextlib.suppress(BrokenPipeError),
        os.fdopen(descriptor, "wb") as pipe,
        tarfile.open(fileobj=pipe, mode="w|", bufsize=1024 * 1024) as archive,
    ):
        archive.add(tree, arcname=".", filter=as_root)
