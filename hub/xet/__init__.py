"""Uploads as hf_xet makes them; each finished one is a git-lfs object. `add_xet` is the entry."""

from hub.xet.service import add_xet

__all__ = ["add_xet"]
