"""Where an address with a former id leads."""

from __future__ import annotations

from yarl import URL

from spaceport.names import SpaceId


def present_address(asked: URL, former: SpaceId, present: SpaceId) -> str:
    """`asked`, relative to the hub, with the first `author/name` in it replaced.

    Works on the raw path: what is quoted in it stays so.
    """
    parts = asked.raw_path.split("/")
    for index in range(len(parts) - 1):
        name = parts[index + 1].removesuffix(".git")
        if f"{parts[index]}/{name}".lower() == str(former).lower():
            parts[index : index + 2] = [present.author, present.name]
            break
    query = f"?{asked.raw_query_string}" if asked.raw_query_string else ""
    return "/".join(parts) + query
