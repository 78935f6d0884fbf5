"""Large objects in a bucket that speaks S3: `<prefix>/<first two digits>/<oid>`.

What comes in is checked in a local file first and only then goes to the bucket, where it appears
whole or not at all. Credentials come from the environment or the machine, as for every S3 client
(`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, instance roles).
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store as Bucket

from gitserver.lfs.store import ObjectLost, Stored
from spaceport.errors import Misconfigured, Unavailable
from spaceport.failpoints import failpoint

logger = logging.getLogger(__name__)

PIECE = 256 * 1024
RANGE = 32 * 1024 * 1024
PART = 8 * 1024 * 1024
AT_ONCE = 4  # parts of one upload; each is in memory
_OPTIONS = {"endpoint", "region", "path_style"}


class Remote:
    """A `Source` over an object of the bucket."""

    descriptor = None

    def __init__(self, bucket: Bucket, path: str, size: int) -> None:
        self._bucket = bucket
        self._path = path
        self.size = size

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        # In several requests, so that a slow reader never meets the limit of one.
        for at in range(start, stop, RANGE):
            span = (at, min(at + RANGE, stop))
            with _told():
                found = obstore.get(self._bucket, self._path, options={"range": span})
                for piece in found.stream(min_chunk_size=PIECE):
                    yield bytes(piece)

    def close(self) -> None:
        """Nothing is held open between two pieces."""


class S3Store:
    """Implements `ObjectStore`. `cache` is a folder for the objects that checkouts link to."""

    def __init__(self, bucket: Bucket, prefix: str, cache: Path) -> None:
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        self._cache = cache

    @classmethod
    def of_url(cls, url: str, cache: Path) -> S3Store:
        """Raises `Misconfigured` for a URL that names no bucket or unknown options."""
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        if not parts.hostname or not options.keys() <= _OPTIONS:
            raise Misconfigured(
                "The setting objects must read s3://bucket/prefix, with at most "
                f"{', '.join(sorted(_OPTIONS))} as query.",
                hint="For example s3://spaceport/lfs?endpoint=https://s3.example.org&region=eu-1.",
            )
        endpoint = options.get("endpoint", "")
        given: dict[str, Any] = {"region": options.get("region", "us-east-1")}
        if endpoint:
            given["endpoint"] = endpoint
        given["virtual_hosted_style_request"] = options.get("path_style", "true") == "false"
        bucket = Bucket(
            parts.netloc,
            client_options={"allow_http": endpoint.startswith("http://"), "timeout": "60s"},
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=30)},
            **given,
        )
        return cls(bucket, parts.path, cache)

    def size(self, oid: str) -> int | None:
        try:
            with _told():
                return int(obstore.head(self._bucket, self._path(oid))["size"])
        except ObjectLost:
            return None

    def keep(self, staged: Path, oid: str, size: int) -> None:
        if self.size(oid) != size:
            failpoint("lfs:before-rename")
            with _told():
                obstore.put(
                    self._bucket,
                    self._path(oid),
                    staged,
                    chunk_size=PART,
                    max_concurrency=AT_ONCE,
                )
            failpoint("lfs:after-rename")
        staged.unlink()

    def open(self, oid: str) -> Remote:
        size = self.size(oid)
        if size is None:
            raise ObjectLost(f"The object {oid} is not in the store.")
        return Remote(self._bucket, self._path(oid), size)

    def file(self, oid: str, size: int) -> Path:
        final = self._cache / oid[:2] / oid
        with suppress(FileNotFoundError):
            if final.stat().st_size == size:
                os.utime(final)  # in use: what is old goes first when the cache is emptied
                return final
        source = self.open(oid)
        if source.size != size:
            raise ObjectLost(f"The object {oid} has {source.size} bytes, not {size}.")
        final.parent.mkdir(parents=True, exist_ok=True)
        partial = final.with_name(f"{oid}.{secrets.token_hex(6)}")
        try:
            with partial.open("xb") as out:
                for piece in source.pieces(0, size):
                    out.write(piece)
            if partial.stat().st_size != size:
                raise ObjectLost(f"The object {oid} came incomplete out of the store.")
            partial.chmod(0o444)
            partial.rename(final)
        finally:
            partial.unlink(missing_ok=True)
        return final

    def remove(self, oid: str) -> None:
        with suppress(ObjectLost), _told():
            obstore.delete(self._bucket, self._path(oid))
        (self._cache / oid[:2] / oid).unlink(missing_ok=True)

    def trim(self, unused_seconds: float) -> None:
        before = time.time() - unused_seconds
        for path in self._cache.glob("*/*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()

    def listed(self) -> Iterator[Stored]:
        with _told():
            for page in obstore.list(self._bucket, self._prefix or None):
                for item in page:
                    name = item["path"].rpartition("/")[2]
                    yield Stored(name, item["size"], item["last_modified"].timestamp())

    def _path(self, oid: str) -> str:
        return f"{self._prefix}/{oid[:2]}/{oid}".lstrip("/")


@contextmanager
def _told() -> Iterator[None]:
    """The library's errors in our words."""
    try:
        yield
    except (NotFoundError, FileNotFoundError):
        raise ObjectLost("The object is not in the store.") from None
    except BaseError as error:
        # The reason names addresses and buckets: it is for the operator.
        logger.warning("the object store: %s", str(error).strip().partition("\n")[0][:300])
        raise Unavailable(
            "The store of large files does not answer as it should.",
            hint="Try again later; the server's log has the reason.",
        ) from None
