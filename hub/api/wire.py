"""Shapes that several calls share: times, Spaces, runtimes (hub-api 4.1, 10)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from config.catalogue import Flavor
from hub.context import HubContext
from hub.hardware import idle_seconds
from spaceport.artifact import ArtifactKind
from spaceport.ledger.origins import Origin
from spaceport.ledger.overview import Overview
from spaceport.ledger.spaces import Space, Visibility
from spaceport.sdk import Sdk


def stamp(at: datetime) -> str:
    """`2026-11-24T08:00:00.123Z`: clients refuse `+00:00` (hub-api 0.7)."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def space_url(origin: str, space: Space) -> str:
    return f"{origin}/spaces/{space.id}"


def runtime_json(context: HubContext, view: Overview) -> dict[str, Any]:
    """The runtime object; hardware is null for static Spaces, which have none."""
    space, standing = view.space, view.standing
    static = space.sdk is Sdk.STATIC
    serving = standing.stage.serving
    live = view.live
    idle = idle_seconds(space, context.catalogue, context.settings.runtime.sleep_free)
    shown: dict[str, Any] = {
        "stage": standing.stage.value,
        "hardware": {
            "current": live.flavor if live and serving and not static else None,
            "requested": None if static else space.flavor,
        },
        "storage": view.disk.tier if view.disk is not None else None,
        "gcTimeout": idle,
        "replicas": {"requested": 1, "current": _replicas(view)},
        "devMode": False,
        "domains": [{"domain": context.settings.space_host(space.host_label), "stage": "READY"}],
    }
    if standing.explanation is not None:
        why = standing.explanation
        shown["errorMessage"] = f"{why.sentence} {why.hint}"
        shown["cause"] = why.cause.name
    if live is not None and serving:
        shown["sha"] = live.revision
    return shown


def _replicas(view: Overview) -> int:
    live = view.live
    if live is not None and live.artifact.kind is ArtifactKind.FOLDER:
        return 1 if view.standing.stage.serving else 0
    return len(view.serving)


def space_json(context: HubContext, space: Space) -> dict[str, Any]:
    """What every list shows of a Space; `full_json` has the rest."""
    card: Mapping[str, Any] = space.card or {}
    return {
        "_id": space.key,
        "id": str(space.id),
        "author": space.id.author,
        "sha": space.head,
        "createdAt": stamp(space.created_at),
        "lastModified": stamp(space.updated_at),
        "private": space.visibility is not Visibility.PUBLIC,
        "visibility": space.visibility.value,
        "disabled": False,
        "gated": False,
        "likes": 0,
        "trendingScore": 0,
        "sdk": space.sdk.value,
        "tags": tags_of(space),
        "subdomain": space.host_label,
        "title": card.get("title") or space.id.name,
    }


def tags_of(space: Space) -> list[str]:
    """The SDK first, then what the card says."""
    said = (space.card or {}).get("tags", ())
    return list(dict.fromkeys([space.sdk.value, *(tag for tag in said if isinstance(tag, str))]))


def linked(space: Space) -> dict[str, list[str]]:
    """Models and datasets that the card names."""
    card = space.card or {}
    return {kind: [str(each) for each in card.get(kind, ())] for kind in ("models", "datasets")}


def origin_json(origin: Origin) -> dict[str, Any]:
    """What a Space is a copy of; `name` is ours, so that people need not look the key up."""
    return {"_id": origin.key, "authorId": origin.author_id, "name": origin.id}


def flavor_json(flavor: Flavor) -> dict[str, Any]:
    """One line of the hardware list (hub-api 9); prices are per minute, as the client expects."""
    return {
        "name": flavor.slug,
        "prettyName": flavor.name,
        "cpu": f"{flavor.cpu_cores} vCPU",
        "ram": f"{flavor.memory} GB",
        "ephemeralStorage": f"{flavor.disk} GB",
        "unitCostMicroUSD": round(flavor.price / 60 * 1_000_000),
        "unitCostUSD": flavor.price / 60,
        "unitLabel": "minute",
    }
