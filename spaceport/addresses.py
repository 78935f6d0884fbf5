"""Where the pages of a Space, and of a preview, begin: below the origin of the hub."""

from __future__ import annotations

from urllib.parse import quote

from spaceport.ledger.spaces import Space
from spaceport.push import short_ref


def page_path(space: Space) -> str:
    """`/spaces/author/name`; a preview's pages lie below its Space's, by branch."""
    home = f"/spaces/{space.id}"
    if space.ref is None:
        return home
    return f"{home}/previews/{quote(short_ref(space.ref), safe='')}"
