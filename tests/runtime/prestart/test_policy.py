"""The decisions about prepared processes, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from config.runtime import PrestartSettings
from runtime.container_spec import container_spec
from runtime.placement import Placement
from runtime.prestart.kind import fits, kind_of, waiting_spec
from runtime.prestart.policy import EACH, Plan, Waiting, plan
from runtime.storage.needs import DiskNeed, Needs, ScratchNeed
from spaceport.artifact import Artifact, ArtifactMount, Prestart
from spaceport.engine import Mount
from spaceport.ledger.volumes import Disk
from tests.runtime.rows import ago
from tests.runtime.test_container_spec import INPUTS, release

GIB = 1024**3
ONE = PrestartSettings(total=2, each=1)
A1, A2, B1 = Waiting("a1", "a"), Waiting("a2", "a"), Waiting("b1", "b")


@pytest.mark.parametrize(
    ("starts", "waiting", "settings", "available", "expected"),
    [
        ({}, [], ONE, 64 * GIB, Plan()),
        ({"a": 3}, [], ONE, 64 * GIB, Plan(("a",))),
        ({"a": 3}, [A1], ONE, 64 * GIB, Plan()),
        ({"a": 1, "b": 3, "c": 2}, [], ONE, 64 * GIB, Plan(("b", "c"))),  # the most started first
        ({"b": 3, "c": 2}, [A1], ONE, 64 * GIB, Plan(("b", "c"), ("a1",))),
        ({}, [A1, B1], ONE, 64 * GIB, Plan((), ("a1", "b1"))),  # of no use any more
        ({"a": 2, "b": 1}, [A1, B1], PrestartSettings(total=0), 64 * GIB, Plan((), ("a1", "b1"))),
        ({"a": 2, "b": 1}, [], PrestartSettings(total=3, each=2), 64 * GIB, Plan(("a", "b"))),
        ({"a": 2}, [A1, A2], PrestartSettings(total=3, each=2), 64 * GIB, Plan()),
        ({"a": 2}, [A1, A2], ONE, 64 * GIB, Plan((), ("a2",))),
        ({"a": 1}, [], ONE, 10 * EACH - 1, Plan()),  # a tenth of what is free is too little
        ({"a": 1, "b": 1}, [], ONE, 10 * EACH, Plan(("a",))),
        ({"a": 1, "b": 1}, [A1], ONE, 10 * EACH - 1, Plan()),  # what waits may stay
        ({"a": 1}, [A1], ONE, EACH - 1, Plan((), ("a1",))),  # but not when memory is short
    ],
)
def test_how_many_wait(
    starts: Mapping[str, int],
    waiting: list[Waiting],
    settings: PrestartSettings,
    available: int,
    expected: Plan,
) -> None:
    assert plan(starts, waiting, settings, available) == expected


@pytest.mark.parametrize(
    ("read", "before", "wanted", "expected"),
    [
        ([], {"A": "1"}, {"A": "1", "SPACE_ID": "ada/x", "TOKEN": "s"}, True),
        (["HF_HOME"], {"A": "1"}, {"A": "1", "TOKEN": "s"}, True),
        (["HF_HOME"], {}, {"HF_HOME": "/tmp/x"}, False),
        (["HOME"], {"HOME": "/a"}, {"HOME": "/b"}, False),
        ([], {"OMP_NUM_THREADS": "2"}, {"OMP_NUM_THREADS": "4"}, False),
        ([], {}, {"PYTHONHASHSEED": "0"}, False),
        ([], {}, {"https_proxy": "http://x"}, False),
        ([], {"TZ": "UTC"}, {}, False),
    ],
)
def test_which_variables_need_another_import(
    read: list[str], before: dict[str, str], wanted: dict[str, str], expected: bool
) -> None:
    assert fits(read, before, wanted) is expected


def test_what_waits_has_nothing_of_the_space_and_all_else_of_its_container() -> None:
    waits = Prestart(("/env/bin/python", "prestart.py"), "/opt/code")
    artifact = Artifact(
        **{
            **INPUTS.release.artifact.__dict__,
            "mounts": (
                ArtifactMount("environments/f1", "/opt/env"),
                ArtifactMount("c", "/opt/code"),
            ),
            "prestart": waits,
        }
    )
    inputs = replace(INPUTS, release=replace(INPUTS.release, artifact=artifact))
    app = container_spec(inputs)
    kind = kind_of(inputs, Needs())
    assert kind is not None
    folder = Path("/srv/data/prestarted/n1")
    spec = waiting_spec(kind, "n1", "k1", folder / "code")
    own = {"GREETING", "TOKEN", *(name for name in app.env if name.startswith("SPACE_"))}
    assert not own & spec.env.keys()
    assert "s3cret" not in str(kind)
    assert spec.env["SPACEPORT_PRESTART"] == "47860:k1"
    assert spec.mounts == (app.mounts[0], Mount(Path("/srv/data/prestarted/n1/code"), "/opt/code"))
    assert spec.labels == {"spaceport.instance": "i1", "spaceport.waiting": f"{kind.name}.n1"}
    same = ("image", "user", "tmpfs", "read_only_root", "network", "limits", "working_dir")
    assert all(getattr(spec, name) == getattr(app, name) for name in same)
    other = replace(inputs, release=replace(inputs.release, variables={"X": "1"}), secrets={})
    assert kind_of(other, Needs()) == kind
    files = (Mount(Path("/dev/shm/s/r1"), "/run/secrets"),)
    assert kind_of(replace(inputs, secret_files=files), Needs()) == kind  # filled later
    assert kind_of(replace(inputs, placement=Placement(1.0, GIB)), Needs()) != kind
    # What cannot be given to a running container starts anew.
    disk = DiskNeed(Disk("d1", "b" * 24, "a" * 24, None, "small", 1 << 30, ago(1)), "/data")
    assert kind_of(inputs, Needs(disks=(disk,))) is None
    gpu = replace(inputs, placement=Placement(1.5, GIB, ("gpu0",)))
    assert kind_of(gpu, Needs()) is None
    assert kind_of(INPUTS, Needs()) is None  # built before there was such a thing


def test_a_disk_for_what_it_writes_waits_with_it() -> None:
    waits = Prestart(("/env/bin/python", "prestart.py"), "/opt/code")
    mounts = (ArtifactMount("environments/f1", "/opt/env"), ArtifactMount("c", "/opt/code"))
    made = replace(INPUTS.release.artifact, mounts=mounts, prestart=waits)
    inputs = replace(INPUTS, release=replace(INPUTS.release, artifact=made))
    one, same, larger = (
        kind_of(inputs, Needs(scratch=ScratchNeed(id, size, "/home/user")))
        for id, size in (("scratch-1", 50), ("scratch-2", 50), ("scratch-3", 110))
    )
    assert one is not None and one == same and larger is not None and one.name != larger.name
    assert one != kind_of(inputs, Needs())
    places = (Mount(Path("/d/tmp"), "/tmp", read_only=False),)
    spec = waiting_spec(one, "n1", "k1", Path("/code"), places)
    assert spec.mounts[-1] == places[0]
    assert "/tmp" not in {one.target for one in spec.tmpfs}


def test_an_artifact_is_kept_with_it() -> None:
    artifact = replace(release().artifact, prestart=Prestart(("a", "b"), "/opt/code"))
    assert Artifact.from_json(artifact.to_json()) == artifact
    assert Artifact.from_json(release().artifact.to_json()).prestart is None
