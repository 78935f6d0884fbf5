"""The hub's HTTP API: the wire of the real clients (hub-api contract). `add_api` is the entry."""

from hub.api.routes import add_api

__all__ = ["add_api"]
