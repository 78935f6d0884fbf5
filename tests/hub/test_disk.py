"""What a Space takes on the disk, part by part."""

from __future__ import annotations

import os
from pathlib import Path

from hub.disk import disk_of
from spaceport.artifact import Artifact, ArtifactKind, ArtifactMount
from spaceport.ledger import builds, large, previews, releases, spaces
from spaceport.ledger.spaces import Space
from spaceport.states import BuildState
from tests.hub.conftest import Hub

ENVIRONMENT = "environments/measured_1"


def file(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def released(hub: Hub, space: Space, artifact: Artifact) -> None:
    with hub.context.ledger.write() as tx:
        present = spaces.get(tx, space.key)
        assert present.head is not None
        queued = builds.queue(tx, space.key, present.head)
        builds.move(tx, queued, BuildState.RUNNING)
        running = builds.newest(tx, space.key)
        assert running is not None
        builds.move(tx, running, BuildState.SUCCEEDED, artifact=artifact)
        done = builds.get(tx, running.id)
        assert done is not None
        releases.create(tx, present, done, card={}, variables={}, secret_versions={})


def test_each_part_is_measured_and_what_is_shared_is_told(hub: Hub) -> None:
    data = hub.context.data
    one, other = hub.space("dora/one"), hub.space("dora/other")
    file(data / ENVIRONMENT / "venv/lib/a.py", 3000)
    app = Artifact(
        ArtifactKind.ENVIRONMENT, mounts=(ArtifactMount(ENVIRONMENT, "/opt/spaceport/env"),)
    )
    for space in (one, one, other):
        released(hub, space, app)
    released(hub, one, Artifact(ArtifactKind.IMAGE, image="spaceport/space-x:1"))
    checkout = data / "checkouts" / one.key / "1"
    file(checkout / "app.py", 100)
    os.link(file(data / "kept-elsewhere", 5000), checkout / "model.bin")
    file(data / "logs" / one.key / "build" / "1", 40)
    with hub.context.ledger.write() as tx:
        large.hold(tx, one.key, "a" * 64, 700)
        preview = previews.begin(tx, one, "refs/heads/draft", sleep_seconds=60)
    file(data / "checkouts" / preview.key / "1" / "app.py", 11)
    answer = hub.wire.get("/api/spaces/dora/one/disk", token=hub.token("dora")).json()
    parts = {part["name"]: part for part in answer["parts"]}
    sizes = {name: part["bytes"] for name, part in parts.items()}
    repository = sizes.pop("repository")
    assert repository > 100
    assert sizes == {
        "large files": 700,
        "releases": 100,
        "environments": 3000,
        "images": None,
        "logs": 40,
        "previews": 11,
    }
    assert (parts["environments"]["sharedWith"], parts["releases"]["count"]) == (1, 3)
    assert answer["own"] == repository + 700 + 100 + 40 + 11
    below = hub.wire.get("/api/spaces/dora/one/previews/draft/disk", token=hub.token("dora"))
    assert next(part["name"] for part in below.json()["parts"]) == "releases"
    assert disk_of(hub.context, other.key).parts[3].bytes == 3000
