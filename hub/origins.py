"""Under which host a client reaches the hub: answers carry that host, if it is ours (hub-api 0.3).

The Host header is believed only when it is one of the configured ones (API-18).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from config.settings import Settings

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Origins:
    """The hub's hosts; made once from the settings."""

    def __init__(self, settings: Settings) -> None:
        self.default = settings.hub_url
        parts = urlsplit(settings.hub_url)
        self._scheme = parts.scheme
        hosts = {parts.netloc.lower(), *(host.lower() for host in settings.hub.hosts)}
        if parts.hostname in ("localhost", "127.0.0.1", "::1"):
            port = f":{parts.port}" if parts.port else ""
            hosts |= {f"{name}{port}" for name in _LOOPBACK}
        self.hosts = frozenset(hosts)

    def known(self, host: str) -> bool:
        """Whether a Host header names the hub."""
        return host.lower() in self.hosts

    def of(self, request: web.Request) -> str:
        """The origin to use in the answer to `request`, without a slash at the end."""
        host = request.host.lower()
        return f"{self._scheme}://{host}" if host in self.hosts else self.default
