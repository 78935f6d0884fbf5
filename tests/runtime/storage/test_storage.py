"""Persistent storage with real containers, file systems and loop devices, on both engines."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runtime.storage import ext4
from spaceport.errors import Invalid
from spaceport.ledger import rollback, spaces
from spaceport.names import SpaceKey
from spaceport.stage import Wanted
from tests.runtime.storage.conftest import MIB, StorageWorld, app
from tests.runtime.test_adoption import supervisor_process
from tests.waiting import aeventually

pytestmark = pytest.mark.engine

WRITE = "(data / 'kept').write_text('precious')"
READ = "(data / 'kept').read_text()"


async def with_storage(world: StorageWorld, megabytes: int = 16) -> SpaceKey:
    key = world.space()
    world.set_tier(key, megabytes)
    world.push(key, app())
    world.start()
    await world.serves(key, "one")
    return key


@pytest.mark.req("4.5.2", "8.3.7")
async def test_files_outlive_whatever_happens_to_the_space(stored: StorageWorld) -> None:
    key = await with_storage(stored)
    assert await stored.ask(key, WRITE) == "8"
    assert await stored.ask(key, "os.stat('/data').st_uid") == "1000"

    async def kept() -> bool:
        return await stored.ask(key, READ) == "precious"

    stored.push(key, app("two"))
    await stored.serves(key, "two")
    assert await kept()
    before = stored.newest_replica(key).id
    stored.restart(key)
    await aeventually(lambda: stored.newest_replica(key).id != before)
    await stored.serves(key, "two")
    assert await kept()
    with stored.ledger.write() as tx:
        rollback.roll_back(tx, key, 1)
    await stored.serves(key, "one")
    assert await kept()
    stored.want(key, Wanted.ASLEEP)
    await stored.settled(key, 0)
    await aeventually(lambda: not stored.mounted())  # nothing is spent on one that sleeps
    stored.want(key, Wanted.RUNNING)
    await stored.serves(key, "one")
    assert await kept()
    stored.want(key, Wanted.PAUSED)
    await stored.settled(key, 0)
    stored.restart(key)
    await stored.serves(key, "one")
    assert await kept()
    with stored.ledger.write() as tx:
        spaces.set_flavor(tx, key, "cpu-upgrade")
    await aeventually(lambda: _flavor(stored, key) == "cpu-upgrade")
    await stored.serves(key, "one")
    assert await kept()

    await stored.stop()  # Spaceport and then the host: containers and mounts are gone
    for handle in stored.containers():
        stored.engine.remove(handle)
    for mount in stored.mounted():
        ext4.unmount(Path(mount.target))
    stored.start()
    await stored.serves(key, "one")
    assert await kept()


def _flavor(world: StorageWorld, key: SpaceKey) -> str:
    live = world.view(key).live
    return live.flavor if live else ""


@pytest.mark.req("4.5.1", "4.5.3", "RUN-10")
async def test_it_is_as_large_as_its_tier_grows_and_never_shrinks(stored: StorageWorld) -> None:
    key = await with_storage(stored)
    mount = stored.mounted()[0]
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    options = next(line.split()[5] for line in lines if mount.target in line)
    assert {"nosuid", "nodev"} <= set(options.split(","))
    fill = f"(data / 'big').write_bytes(bytes({{}} * {MIB}))"
    assert await stored.ask(key, fill.format(20)) == "OSError 28"  # ENOSPC
    assert await stored.ask(key, "(data / 'big').unlink()") == "None"
    assert await stored.ask(key, WRITE) == "8"

    stored.set_tier(key, 32, "medium")
    await aeventually(lambda: _size(stored, key) > 25 * MIB)
    await stored.serves(key, "one")
    assert await stored.ask(key, READ) == "precious"
    assert await stored.ask(key, fill.format(20)) == str(20 * MIB)
    with pytest.raises(Invalid, match="cannot become smaller") as refused:
        stored.set_tier(key, 16)
    assert "delete the storage" in refused.value.hint
    supervisor = stored.supervisor
    assert supervisor is not None
    filled = supervisor.storage.disks.filled(_disk(stored, key))
    assert filled is not None and filled.used > 20 * MIB


def _size(world: StorageWorld, key: SpaceKey) -> int:
    filled = world.supervisor.storage.disks.filled(_disk(world, key)) if world.supervisor else None
    return filled.size if filled else 0


def _disk(world: StorageWorld, key: SpaceKey) -> str:
    disk = world.view(key).disk
    return disk.id if disk else ""


@pytest.mark.req("RUN-10")
async def test_nobody_else_sees_it_and_nothing_is_left_of_it(stored: StorageWorld) -> None:
    key = await with_storage(stored)
    await stored.ask(key, WRITE)
    other = stored.space("other")
    stored.set_tier(other, 16)
    stored.push(other, app("other"))
    await stored.serves(other, "other")
    assert await stored.ask(other, "sorted(os.listdir('/data'))") == "['.lock']"
    found = await stored.ask(other, "[p for p in os.popen('cat /proc/mounts') if 'loop' in p]")
    assert found.count("/dev/loop") == 1

    stored.delete(key)
    await aeventually(lambda: not _exists(stored, key))
    stored.remove_storage(other)
    await aeventually(lambda: not stored.attached() and not stored.mounted())
    await aeventually(lambda: not list((stored.data / "volumes").iterdir()))
    await stored.serves(other, "other")
    assert await stored.ask(other, "os.path.exists('/data')") == "False"

    stored.set_tier(other, 16)

    async def new_and_empty() -> bool:
        return await stored.ask(other, "sorted(os.listdir('/data'))") == "['.lock']"

    await aeventually(new_and_empty)
    image = stored.data / "volumes" / _disk(stored, other) / "disk.img"
    assert b"precious" not in image.read_bytes()


def _exists(world: StorageWorld, key: SpaceKey) -> bool:
    with world.ledger.read() as tx:
        return key in {*spaces.keys(tx), *spaces.keys(tx, deleted=True)}


@pytest.mark.req("8.2.3", "DUR-05")
async def test_two_never_hold_one_disk_and_the_old_one_comes_back(stored: StorageWorld) -> None:
    """The app takes a lock in /data, or ends: an overlap would be a crash."""
    key = await with_storage(stored)
    seen: set[str] = set()
    done = asyncio.Event()

    async def visit() -> None:
        while not done.is_set():
            seen.add(await stored.get(key))
            await asyncio.sleep(0.02)

    visitor = asyncio.create_task(visit())
    for version in ("two", "three"):
        stored.push(key, app(version))
        await stored.serves(key, version)
    stored.push(key, "raise SystemExit(3)")
    # the cause is that of the broken push, while the old version serves again
    await aeventually(lambda: stored.cause(key) == "APP_CRASHED")
    await stored.serves(key, "three")
    done.set()
    await visitor
    assert seen <= {"one", "two", "three", "APP_STARTING"}  # no request failed, some waited
    view = stored.view(key)
    assert view.standing.stage.value == "RUNNING"
    assert [one.holds for one in view.replicas] == [view.writes_to]


async def test_a_full_host_refuses_writes_and_keeps_what_was_written(
    stored: StorageWorld,
) -> None:
    key = await with_storage(stored, megabytes=64)
    await stored.ask(key, WRITE)
    supervisor = stored.supervisor
    assert supervisor is not None
    disks = supervisor.storage.disks
    mount = stored.mounted()[0]
    ext4.bound(mount.device, 4 * MIB, Path(mount.target))  # as if so much were left on the host
    write = f"(data / 'big').write_bytes(bytes(8 * {MIB}))"
    await stored.ask(key, "open(data / 'sync', 'w').write('x')")
    answer = await stored.ask(key, write)
    assert answer == "OSError 28" or disks.limited is False
    assert await stored.ask(key, READ) == "precious"


async def test_where_no_disk_can_be_mounted_it_is_said_or_a_folder_is_given(
    stored: StorageWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.storage.disks.Disks._try", lambda _self: "no loop devices")
    key = stored.space()
    stored.set_tier(key, 16)
    stored.push(key, app())
    stored.start()
    await stored.becomes(key, "RUNTIME_ERROR")
    told = stored.view(key).standing.explanation
    assert told is not None and "no loop devices" in told.sentence
    await stored.stop()
    storage = stored.settings.storage.model_copy(update={"plain": True})
    stored.settings = stored.settings.model_copy(update={"storage": storage})
    stored.start()
    stored.restart(key)
    await stored.serves(key, "one")
    assert await stored.ask(key, WRITE) == "8"
    stored.restart(key)
    await aeventually(lambda: stored.stage(key) != "RUNNING")
    await stored.serves(key, "one")
    assert await stored.ask(key, READ) == "precious"


@pytest.mark.req("DUR-05", "RUN-10")
@pytest.mark.parametrize(
    "point", ["runtime:after-replica-row", "runtime:after-mounts", "runtime:after-engine-start"]
)
async def test_kill_9_at_each_step_of_a_swap_loses_no_file_and_leaves_no_mount(
    stored: StorageWorld, point: str
) -> None:
    if stored.engine.name != "docker":
        pytest.skip("the supervisor of this test has Docker")
    key = await with_storage(stored)
    await stored.ask(key, WRITE)
    await stored.stop()
    stored.push(key, app("two"))
    with supervisor_process(stored, f"{point}=exit") as process:
        await aeventually(lambda: process.poll() is not None)
    stored.start()
    await stored.serves(key, "two")
    assert await stored.ask(key, READ) == "precious"
    await stored.settled(key, 1)
    assert len(stored.mounted()) == 1
    stored.delete(key)
    await aeventually(lambda: not stored.mounted())
    await aeventually(lambda: not list((stored.data / "volumes").iterdir()))
