"""The hub's pages, rendered on the server. `add_web` is the entry."""

from hub.web.routes import add_web

__all__ = ["add_web"]
