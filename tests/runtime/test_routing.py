"""The route of a Space, by exact value, and the publisher that keeps the table right."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from runtime.proxy.routes import (
    Connect,
    Folder,
    Replicas,
    Route,
    RouteTable,
    Upstream,
    nothing_to_thaw,
)
from runtime.publisher import Publisher
from runtime.routing import Surroundings, route_of
from spaceport.artifact import Artifact, ArtifactKind
from spaceport.cause import Cause, Failure
from spaceport.engine import NoSuchContainer
from spaceport.ledger.overview import Overview
from spaceport.ledger.replicas import Replica
from spaceport.ledger.spaces import Visibility
from spaceport.names import SpaceId
from spaceport.stage import Stage, Wanted
from spaceport.states import BuildState, ReleaseState, ReplicaState
from tests.runtime.rows import FOLDER, HEAD, KEY, ago, build, release, replica, space
from tests.runtime.world import World
from tests.waiting import aeventually


async def nowhere() -> socket.socket:
    raise NoSuchContainer("nobody dials here")


def dial(_replica: Replica) -> Connect:
    return nowhere


AROUND = Surroundings(Path("/data"), "http://hub.example", dial, lambda _replica: nothing_to_thaw)
READY = replica("r1", 1)


def route(**changes: object) -> Route:
    plain = Route(
        label="ada-my-app",
        space_key=KEY,
        space_id=SpaceId("Ada", "my-app"),
        stage=Stage.RUNNING,
        target=Replicas((Upstream("r1", nowhere, 7860),)),
        hub_url="http://hub.example/spaces/Ada/my-app",
        retry_after=10,
    )
    return Route(**{**{f: getattr(plain, f) for f in plain.__dataclass_fields__}, **changes})


def overview(*replicas: Replica, **changes: object) -> Overview:
    facts = {"space": space(), "build": build(1), "release": release(1), "live": release(1)}
    return Overview(**{**facts, **changes}, replicas=replicas)  # type: ignore[arg-type]


def test_what_runs_is_led_to_its_replica() -> None:
    assert route_of(overview(READY), AROUND) == route()


def test_while_two_versions_run_the_live_one_takes_the_requests() -> None:
    new = replica("r2", 2, ReplicaState.STARTING)
    both = overview(READY, new, build=build(2), release=release(2, ReleaseState.PENDING))
    stage = Stage.RUNNING_APP_STARTING
    assert route_of(both, AROUND) == route(stage=stage, retry_after=2)


@pytest.mark.req("PX-19")
def test_what_drains_starts_or_is_paused_takes_none() -> None:
    for view in (
        overview(replica("r1", 1, ReplicaState.DRAINING)),
        overview(replica("r1", 1, ReplicaState.STARTING)),
        overview(READY, space=space(wanted=Wanted.PAUSED)),
    ):
        found = route_of(view, AROUND)
        assert found is not None
        assert found.target is None
    assert route_of(overview(READY, space=space(deleted_at=ago(1))), AROUND) is None


def test_a_frozen_replica_takes_requests_through_a_thaw() -> None:
    frozen = route_of(overview(replica("r1", 1, ReplicaState.FROZEN)), AROUND)
    target = Replicas((Upstream("r1", nowhere, 7860, frozen=True),))
    assert frozen == route(target=target)
    assert frozen != route()  # it must be published anew


def test_a_space_that_sleeps_wakes() -> None:
    asleep = overview(space=space(wanted=Wanted.ASLEEP))
    assert route_of(asleep, AROUND) == route(
        stage=Stage.SLEEPING, target=None, wakes=True, expected=True, retry_after=2
    )


def test_a_preview_that_sleeps_wakes_though_nothing_was_built_and_leads_to_its_page() -> None:
    preview = {"parent_key": "4" * 24, "ref": "refs/heads/a/b"}
    asleep = Overview(space(wanted=Wanted.ASLEEP, **preview), None, None, None, ())
    page = "http://hub.example/spaces/Ada/my-app/previews/a%2Fb"
    sleeping = {"target": None, "stage": Stage.SLEEPING, "wakes": True, "expected": True}
    assert route_of(asleep, AROUND) == route(hub_url=page, retry_after=2, **sleeping)
    coming = Overview(space(**preview), None, None, None, ())
    found = route_of(coming, AROUND)
    assert found is not None and (found.stage, found.expected) == (Stage.BUILDING, True)
    folder = release(artifact=FOLDER, state=ReleaseState.LIVE)
    laid_out = Overview(asleep.space, build(), folder, folder, ())
    assert route_of(laid_out, AROUND) == route(hub_url=page, retry_after=2, **sleeping)


def test_one_that_starts_is_expected_and_says_what_troubles_it() -> None:
    failure = Failure(Cause.LOOPBACK_ONLY, {"expected": 7860})
    starting = overview(
        replica("r1", 1, ReplicaState.STARTING),
        release=release(1, ReleaseState.PENDING, failure=failure),
        live=None,
    )
    told = failure.explain()
    assert route_of(starting, AROUND) == route(
        stage=Stage.APP_STARTING,
        target=None,
        expected=True,
        retry_after=2,
        cause=told.sentence,
        hint=told.hint,
    )


def test_while_the_old_version_serves_the_failure_of_the_new_one_is_told() -> None:
    failed = build(2, state=BuildState.FAILED, failure=Failure(Cause.BUILD_FAILED))
    found = route_of(overview(READY, build=failed), AROUND)
    assert found is not None
    assert found.target is not None
    assert found.stage is Stage.RUNNING
    assert found.cause.startswith("The build failed")


def test_the_card_of_the_version_that_serves_is_what_counts() -> None:
    headers = {"cross-origin-opener-policy": "same-origin"}
    live = release(1, card={"custom_headers": headers, "disable_embedding": True})
    found = route_of(overview(READY, release=live, live=live), AROUND)
    assert found is not None
    assert dict(found.custom_headers) == headers
    assert found.disable_embedding


def test_a_private_space_is_marked() -> None:
    private = overview(READY, space=space(visibility=Visibility.PRIVATE))
    assert route_of(private, AROUND) == route(private=True)
    protected = overview(READY, space=space(visibility=Visibility.PROTECTED))
    assert route_of(protected, AROUND) == route()


def test_a_folder_is_served_with_its_public_values() -> None:
    live = release(1, artifact=FOLDER, variables={"GREETING": "hi"})
    assert route_of(overview(release=live, live=live), AROUND) == route(
        target=Folder(
            Path(f"/data/checkouts/{KEY}/{HEAD}"),
            "index.html",
            {"GREETING": "hi", "SPACE_CREATOR_USER_ID": "2" * 24},
        )
    )


async def test_a_process_that_only_serves_follows_the_ledger(tmp_path: Path) -> None:
    engine = object()  # routes of folders need none
    world = World(tmp_path, engine, "i", "image")  # type: ignore[arg-type]
    tables: list[RouteTable] = []
    key = world.space("first")
    publisher = Publisher(
        world.ledger,
        world.pools,
        engine,  # type: ignore[arg-type]
        tables.append,
        data=tmp_path,
        hub_url="http://h",
    )
    running = asyncio.create_task(publisher.run("routes-1"))
    await aeventually(lambda: tables and tables[-1].get("ada-first"))
    other = world.space("second")
    await aeventually(lambda: tables[-1].get("ada-second"))
    world.delete(other)
    await aeventually(lambda: tables[-1].get("ada-second") is None)
    assert [one.space_key for one in tables[-1]] == [key]
    before = len(tables)
    await publisher.refresh(key)
    assert len(tables) == before  # nothing changed, nothing is published
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    world.pools.close()
    world.ledger.close()


def test_an_artifact_of_an_image_is_led_to_its_port() -> None:
    image = Artifact(kind=ArtifactKind.IMAGE, image="i", port=8000)
    live = release(1, artifact=image)
    one = replica("r1", 1, port=8000)
    assert route_of(overview(one, release=live, live=live), AROUND) == route(
        target=Replicas((Upstream("r1", nowhere, 8000),))
    )
