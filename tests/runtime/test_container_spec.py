"""The container of a release, by exact value (spaces-behaviour 9, RUN-04)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from config.catalogue import Catalogue
from config.runtime import ContainerSettings
from runtime.container_spec import Inputs, container_spec, environment
from runtime.placement import Placement
from spaceport.artifact import Artifact, ArtifactKind
from spaceport.engine import ContainerSpec, Limits, Mount, Network, Tmpfs
from tests.runtime.rows import HEAD, KEY, release, space

MIB = 1024**2
GIB = 1024**3
SIZES = ContainerSettings(
    pids=100, nofile=2000, shm=64 * MIB, tmp=128 * MIB, home=900 * MIB, hub_endpoint=False
)
INPUTS = Inputs(
    space=space(),
    release=release(
        card={"sdk": "gradio", "title": "My App!"},
        variables={"GREETING": "hi", "SPACE_ID": "forged/id", "OMP_NUM_THREADS": "7"},
    ),
    flavor=Catalogue.load().flavor("cpu-basic"),
    placement=Placement(1.5, GIB),
    replica_id="r1",
    instance="i1",
    data=Path("/srv/data"),
    host="ada-my-app.localhost:8080",
    hub_url="http://localhost:8080",
    settings=SIZES,
    secrets={"TOKEN": "s3cret"},
)


@pytest.mark.req("RUN-04")
def test_the_whole_container_by_value() -> None:
    assert container_spec(INPUTS) == ContainerSpec(
        name="spaceport-app-r1",
        image="base:1",
        command=("python", "app.py"),
        env={
            "HOME": "/home/user",
            "PYTHONUNBUFFERED": "1",
            "GRADIO_SERVER_NAME": "0.0.0.0",
            "GRADIO_SERVER_PORT": "7860",
            "GRADIO_NUM_PORTS": "1",
            "GRADIO_ALLOW_FLAGGING": "never",
            "OMP_NUM_THREADS": "7",
            "MKL_NUM_THREADS": "2",
            "OPENBLAS_NUM_THREADS": "2",
            "NUMEXPR_NUM_THREADS": "2",
            "PATH": "/opt/env/bin:/usr/bin",
            "PYTHONPATH": "/home/user/app",
            "GREETING": "hi",
            "TOKEN": "s3cret",
            "SYSTEM": "spaces",
            "SPACE_ID": "Ada/my-app",
            "SPACE_HOST": "ada-my-app.localhost:8080",
            "SPACE_AUTHOR_NAME": "Ada",
            "SPACE_REPO_NAME": "my-app",
            "SPACE_TITLE": "My App!",
            "SPACE_CREATOR_USER_ID": "2" * 24,
            "SPACE_SDK": "gradio",
            "CPU_CORES": "2",
            "MEMORY": "16Gi",
            "ACCELERATOR": "none",
            "PORT": "7860",
        },
        working_dir="/home/user/app",
        user="1000:1000",
        mounts=(
            Mount(Path("/srv/data/environments/f1"), "/opt/env"),
            Mount(Path(f"/srv/data/checkouts/{KEY}/{HEAD}"), "/home/user/app"),
        ),
        tmpfs=(Tmpfs("/tmp", 128 * MIB), Tmpfs("/home/user", 512 * MIB)),
        read_only_root=True,
        network=Network.APP,
        limits=Limits(cpus=1.5, memory=GIB, pids=100, shm=64 * MIB, nofile=2000, disk=50 * GIB),
        labels={
            "spaceport.instance": "i1",
            "spaceport.space": KEY,
            "spaceport.build": "build1",
            "spaceport.replica": "r1",
        },
    )


def test_an_image_of_the_users_own_keeps_its_command_and_its_writable_root() -> None:
    image = Artifact(kind=ArtifactKind.IMAGE, image="sha256:1", port=8000, read_only_root=False)
    card = {"sdk": "docker", "app_port": 8000}
    spec = container_spec(replace(INPUTS, release=release(artifact=image, card=card)))
    assert spec.command is None
    assert spec.working_dir is None
    assert spec.user == "1000:1000"
    assert spec.tmpfs == ()
    assert not spec.read_only_root
    assert spec.env["PORT"] == "8000"
    assert spec.env["SPACE_SDK"] == "docker"
    assert spec.env["SPACE_TITLE"] == "My App"
    assert "GRADIO_NUM_PORTS" not in spec.env


def test_hardware_is_told_as_the_flavour_says_it() -> None:
    flavor = Catalogue.load().flavor("t4-small")
    env = environment(replace(INPUTS, flavor=flavor, placement=Placement(4, 15 * GIB, ("gpu0",))))
    assert (env["CPU_CORES"], env["MEMORY"], env["ACCELERATOR"]) == ("4", "15Gi", "t4-small")


def test_the_hub_is_the_endpoint_only_where_the_operator_says_so_and_the_user_may_differ() -> None:
    assert "HF_ENDPOINT" not in environment(INPUTS)
    told = replace(INPUTS, settings=ContainerSettings(hub_endpoint=True))
    assert environment(told)["HF_ENDPOINT"] == "http://localhost:8080"
    own = release(variables={"HF_ENDPOINT": "https://elsewhere.example"})
    assert environment(replace(told, release=own))["HF_ENDPOINT"] == "https://elsewhere.example"


@pytest.mark.req("RUN-04")
def test_secrets_are_not_shown_by_repr() -> None:
    assert "s3cret" not in repr(INPUTS)
    assert "s3cret" not in repr(container_spec(INPUTS))
