"""The `expand` parameter: which keys of a Space an answer shall have (hub-api 4.1)."""

from __future__ import annotations

from collections.abc import Iterable

from hub.api.errors import ApiError

FIELDS = (
    "author",
    "cardData",
    "createdAt",
    "datasets",
    "disabled",
    "lastModified",
    "likes",
    "models",
    "originSpace",
    "private",
    "region",
    "resourceGroup",
    "runtime",
    "sdk",
    "sha",
    "siblings",
    "subdomain",
    "tags",
    "trendingScore",
    "usedStorage",
)
_TOLERATED = frozenset({"xetEnabled"})


def check_expand(given: Iterable[str]) -> frozenset[str]:
    """The keys asked for. Raises 400 in the words that clients read the list from."""
    wanted = frozenset(given)
    if wanted - set(FIELDS) - _TOLERATED:
        raise ApiError(400, f'"expand" must be one of [{", ".join(FIELDS)}]')
    return wanted
