"""The host's GPUs: what nvidia-smi tells, and what the engine is asked for."""

from __future__ import annotations

from config.catalogue import Catalogue
from config.runtime import Gpu, RuntimeSettings
from runtime import diagnosis
from runtime.engine.docker_spec import Surroundings, create_arguments
from runtime.gpus import gpus_of, parse
from spaceport.cause import Cause
from spaceport.engine import ContainerSpec

TOLD = """GPU-1f6e, Tesla T4, 15360
GPU-77aa, NVIDIA A10G, 23028
GPU-9b0c, NVIDIA A100-SXM4-40GB, 40960
GPU-0000, Quadro P400, 2048
a line that is no card
"""


def test_cards_get_the_names_of_the_catalogue() -> None:
    known = {"Nvidia T4", "Nvidia A10G", "Nvidia A100"}
    assert parse(TOLD, known) == (
        Gpu(id="GPU-1f6e", accelerator="Nvidia T4", memory=15),
        Gpu(id="GPU-77aa", accelerator="Nvidia A10G", memory=22),
        Gpu(id="GPU-9b0c", accelerator="Nvidia A100", memory=40),
    )


def test_what_the_operator_says_counts() -> None:
    card = Gpu(id="0", accelerator="Nvidia T4")
    assert gpus_of(RuntimeSettings(gpus=(card,)), Catalogue.load()) == (card,)
    assert gpus_of(RuntimeSettings(gpus=()), Catalogue.load()) == ()


def test_devices_are_asked_for_by_id() -> None:
    spec = ContainerSpec(name="x", image="i", gpus=("GPU-1f6e", "GPU-77aa"))
    config = create_arguments(spec, Surroundings("t"))["HostConfig"]
    assert config["DeviceRequests"] == [
        {"DeviceIDs": ["GPU-1f6e", "GPU-77aa"], "Capabilities": [["gpu"]]}
    ]
    without = create_arguments(ContainerSpec(name="x", image="i"), Surroundings("t"))
    assert "DeviceRequests" not in without["HostConfig"]


def test_an_engine_without_a_driver_is_said_so() -> None:
    text = 'could not select device driver "" with capabilities: [[gpu]]'
    failure = diagnosis.of_refusal(text)
    assert failure.cause is Cause.NO_GPU and "driver" in failure.explain().sentence
