"""What visitors see when no app answers (8.4, PX-12), and how programs wait (hub-api 14)."""

from __future__ import annotations

import asyncio
import json
import re

import httpx
import pytest

from config.proxy import ProxySettings
from runtime.proxy.routes import Replicas, Route, RouteTable
from spaceport.stage import Stage
from tests.runtime.proxy.apps import recording
from tests.runtime.proxy.conftest import Bench, body_of, field_of, route, status_of
from tests.waiting import aeventually

BROWSER = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"
WAITING = (Stage.BUILDING, Stage.APP_STARTING, Stage.SLEEPING, Stage.RUNNING)


@pytest.mark.parametrize("stage", list(Stage))
async def test_every_stage_has_a_page_and_an_answer_for_programs(
    bench: Bench, stage: Stage
) -> None:
    cause = '<b>it "broke"</b>' if not stage.name.startswith("RUNNING") else ""
    await bench.proxy(route("app", stage=stage, cause=cause, hint="Mend it.", retry_after=7))
    status = 404 if stage in (Stage.NO_APP_FILE, Stage.DELETING) else 503
    page = await bench.get("/", "app.localhost", BROWSER)
    assert status_of(page) == status
    assert field_of(page, "Content-Type") == ["text/html; charset=utf-8"]
    assert field_of(page, "Cache-Control") == ["no-store"]
    text = body_of(page).decode()
    assert "<b>it" not in text and "<script" not in text
    waiting = stage in WAITING or stage.name.startswith("RUNNING")
    assert (field_of(page, "Retry-After") == ["7"]) is waiting
    assert ('http-equiv="refresh" content="7"' in text) is waiting
    program = await bench.get("/", "app.localhost", "Accept: application/json")
    assert status_of(program) == status and field_of(program, "Content-Type") == [
        "application/json"
    ]
    content = json.loads(body_of(program))
    assert content["error"]
    if stage is not Stage.DELETING:
        assert content["stage"] == stage.value and content["space"] == "ada/app"
        assert "http://localhost/spaces/ada/app" in text and "Mend it." in text


@pytest.mark.req("PX-12")
async def test_the_page_runs_nothing_and_leads_to_the_hub(bench: Bench) -> None:
    await bench.proxy(route("app", stage=Stage.BUILDING))
    page = await bench.get("/", "app.localhost", BROWSER)
    policy = field_of(page, "Content-Security-Policy")[0]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "?logs=build" in body_of(page).decode()
    assert not re.search(rb"\d+\.\d+\.\d+\.\d+|/home/|/tmp/|replica", body_of(page))


@pytest.mark.parametrize("status_and_agent", [(404, BROWSER), (404, "Accept: */*")])
async def test_unknown_spaces(bench: Bench, status_and_agent: tuple[int, str]) -> None:
    await bench.proxy()
    status, accept = status_and_agent
    answer = await bench.get("/<script>", "nobody.localhost", accept)
    assert status_of(answer) == status and b"script" not in body_of(answer)
    assert b"nobody" not in body_of(answer)


@pytest.mark.req("PX-29")
async def test_a_thousand_visits_wake_a_space_once(bench: Bench) -> None:
    woken: list[Route] = []
    sleeping = route("app", stage=Stage.SLEEPING, wakes=True)
    await bench.proxy(sleeping, on_demand=woken.append)
    client = await bench.client()
    for _ in range(1000):
        await client.send(b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
        assert (await client.answer())[0] == 503
    assert woken == [sleeping]


async def test_heads_and_paused_spaces_do_not_wake(bench: Bench) -> None:
    woken: list[Route] = []
    await bench.proxy(
        route("app", stage=Stage.SLEEPING, wakes=True),
        route("paused", stage=Stage.PAUSED),
        on_demand=woken.append,
    )
    head = b"HEAD / HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n"
    assert status_of(await bench.ask(head)) == 503
    assert status_of(await bench.get(host="paused.localhost")) == 503
    assert woken == []


HOLDING = ProxySettings(hold=5, hold_interval=0.05)
PROGRAM = "User-Agent: gradio_client/2.7.2"


async def test_a_program_is_held_until_the_space_runs(bench: Bench) -> None:
    app = await bench.app(recording())
    woken: list[Route] = []
    proxy = await bench.proxy(
        route("app", stage=Stage.SLEEPING, wakes=True), settings=HOLDING, on_demand=woken.append
    )
    client = await bench.client()
    await client.send(f"GET /config HTTP/1.1\r\nHost: app.localhost\r\n{PROGRAM}\r\n\r\n".encode())
    for _ in range(3):
        assert await client.head() == b"HTTP/1.1 102 Processing\r\n\r\n"
    assert len(woken) == 1
    proxy.routes = RouteTable([route("app", stage=Stage.APP_STARTING, expected=True)])
    proxy.routes = RouteTable([route("app", Replicas((app.upstream(),)))])
    head = b"HTTP/1.1 102"
    while head.startswith(b"HTTP/1.1 102"):
        head = await client.head()
    assert status_of(head) == 200 and [seen.target for seen in app.requests] == ["/config"]


async def test_the_real_client_library_waits_as_well(bench: Bench) -> None:
    app = await bench.app(recording())
    proxy = await bench.proxy(route("app", stage=Stage.APP_STARTING), settings=HOLDING)
    async with httpx.AsyncClient(timeout=2) as client:
        asked = asyncio.create_task(
            client.post(
                f"http://127.0.0.1:{bench.port}/", headers={"Host": "app.localhost"}, json={}
            )
        )
        await aeventually(lambda: proxy.shared.traffic.of(route("app").space_key).held == 1, 5)
        proxy.routes = RouteTable([route("app", Replicas((app.upstream(),)))])
        answer = await asked
    assert (answer.status_code, answer.text) == (200, "seen")
    assert app.requests[0].body == b"{}"


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (route("app", stage=Stage.RUNTIME_ERROR, cause="It broke."), 503),
        (route("app", stage=Stage.PAUSED), 503),
        (None, 404),
    ],
)
async def test_a_held_program_hears_of_a_failure(
    bench: Bench, outcome: Route | None, status: int
) -> None:
    proxy = await bench.proxy(route("app", stage=Stage.APP_STARTING), settings=HOLDING)
    client = await bench.client()
    await client.send(f"GET / HTTP/1.1\r\nHost: app.localhost\r\n{PROGRAM}\r\n\r\n".encode())
    assert status_of(await client.head()) == 102
    proxy.routes = RouteTable([outcome] if outcome else [])
    head = b"HTTP/1.1 102"
    while head.startswith(b"HTTP/1.1 102"):
        head = await client.head()
    assert status_of(head) == status


async def test_holding_has_its_bounds(bench: Bench) -> None:
    settings = ProxySettings(hold=0.2, hold_interval=0.05, held_per_space=1)
    proxy = await bench.proxy(route("app", stage=Stage.APP_STARTING), settings=settings)
    over = await bench.get("/", "app.localhost", PROGRAM)
    assert over.startswith(b"HTTP/1.1 102") and b"HTTP/1.1 503" in over
    client = await bench.client()
    await client.send(f"GET / HTTP/1.1\r\nHost: app.localhost\r\n{PROGRAM}\r\n\r\n".encode())
    await client.head()
    assert status_of(await bench.get("/", "app.localhost", PROGRAM)) == 503
    assert status_of(await bench.get("/", "app.localhost", "User-Agent: python-requests/2")) == 503
    old = f"GET / HTTP/1.0\r\nHost: app.localhost\r\n{PROGRAM}\r\n\r\n".encode()
    assert status_of(await bench.ask(old)) == 503
    client.close()
    await aeventually(lambda: proxy.shared.traffic.of(route("app").space_key).held == 0, 5)
