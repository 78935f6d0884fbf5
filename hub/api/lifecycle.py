"""What the owner asks of a running Space: pause, restart, hardware, idle time (hub-api 9)."""

from __future__ import annotations

from aiohttp import web

from hub.api.body import Body
from hub.api.call import Call, answer
from hub.api.errors import ApiError
from hub.api.wire import runtime_json
from hub.hardware import check_flavor, check_sleep
from spaceport.ledger import Tx, spaces
from spaceport.ledger.overview import Overview, overview
from spaceport.sdk import Sdk
from spaceport.stage import Wanted


class Hardware(Body):
    flavor: str
    sleepTimeSeconds: int | None = None


class SleepTime(Body):
    seconds: int


async def runtime(call: Call) -> web.StreamResponse:
    view = await call.read(lambda tx: overview(tx, call.space.key))
    return answer(runtime_json(call.context, view))


async def pause(call: Call) -> web.StreamResponse:
    """Stop it until somebody restarts it. 400 for a static Space, which does not run."""
    _must_run(call)

    def write(tx: Tx) -> Overview:
        spaces.want(tx, call.space.key, Wanted.PAUSED, actor_id=call.actor.id)
        return overview(tx, call.space.key)

    return answer(runtime_json(call.context, await call.write(write)))


async def restart(call: Call) -> web.StreamResponse:
    """A new replica; with `?factory=true` a build without any cache before it."""
    _must_run(call)
    factory = call.flag("factory")

    def write(tx: Tx) -> Overview:
        spaces.restart(tx, call.space.key, factory=factory, actor_id=call.actor.id)
        return overview(tx, call.space.key)

    return answer(runtime_json(call.context, await call.write(write)))


async def set_hardware(call: Call) -> web.StreamResponse:
    body = await call.body(Hardware)
    flavor = check_flavor(call.context, call.actor, body.flavor, call.space.sdk)
    sleep = None if body.sleepTimeSeconds is None else check_sleep(body.sleepTimeSeconds)

    def write(tx: Tx) -> Overview:
        key, actor_id = call.space.key, call.actor.id
        if sleep is not None:
            spaces.set_sleep(tx, key, sleep, actor_id=actor_id)
        if spaces.get(tx, key).flavor != flavor:
            spaces.set_flavor(tx, key, flavor, actor_id=actor_id)
        return overview(tx, key)

    return answer(runtime_json(call.context, await call.write(write)))


async def set_sleep_time(call: Call) -> web.StreamResponse:
    """-1 is never. Free hardware keeps its own idle time, as the answer shows (8.3.3)."""
    seconds = check_sleep((await call.body(SleepTime)).seconds)

    def write(tx: Tx) -> Overview:
        spaces.set_sleep(tx, call.space.key, seconds, actor_id=call.actor.id)
        return overview(tx, call.space.key)

    return answer(runtime_json(call.context, await call.write(write)))


def _must_run(call: Call) -> None:
    if call.space.sdk is Sdk.STATIC:
        raise ApiError(400, "A static Space does not run, so it cannot be paused or restarted")
