"""The shipped catalogue is the seed's, and a wrong one is told in full."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.catalogue import Catalogue
from spaceport.errors import Invalid, Misconfigured

# slug, GPU memory, vCPU, memory, disk, price: spaces-behaviour 4.2, row by row
SEED = [
    ("cpu-basic", 0, 2, 16, 50, 0.0),
    ("cpu-upgrade", 0, 8, 32, 50, 0.03),
    ("t4-small", 16, 4, 15, 50, 0.60),
    ("t4-medium", 16, 8, 30, 100, 0.90),
    ("a10g-small", 24, 4, 15, 110, 1.05),
    ("a10g-large", 24, 12, 46, 200, 3.15),
    ("a10g-largex2", 48, 24, 92, 1000, 5.70),
    ("a10g-largex4", 96, 48, 184, 2000, 10.80),
    ("a100-large", 40, 12, 142, 1000, 4.13),
]


def test_the_seeds_nine_flavours_ship() -> None:
    rows = [
        (f.slug, f.gpu_memory, f.cpus, f.memory, f.disk, f.price) for f in Catalogue.load().flavors
    ]
    assert rows == SEED


def test_the_seeds_storage_tiers_ship() -> None:
    tiers = [(tier.slug, tier.size, tier.price) for tier in Catalogue.load().storage]
    assert tiers == [("small", 20, 5), ("medium", 150, 25), ("large", 1024, 100)]


def test_what_an_app_reads_of_its_flavour() -> None:
    small = Catalogue.load().flavor("t4-small")
    assert (small.cpu_cores, small.memory_text) == ("4", "15Gi")


def test_an_unknown_flavour_names_the_known_ones() -> None:
    with pytest.raises(Invalid) as caught:
        Catalogue.load().flavor("h1000")
    assert "cpu-basic" in caught.value.hint


def test_every_mistake_of_a_catalogue_is_told_with_its_path(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_text(
        "flavors:\n"
        "  - {slug: cpu-basic, name: Basic, cpus: 0, memory: 1, disk: 1, price: 0}\n"
        "  - {slug: other, name: Other, cpus: 1, memory: 1, disk: 1, price: 0, colour: red}\n"
    )
    with pytest.raises(Misconfigured) as caught:
        Catalogue.load(file)
    assert "flavors.0.cpus" in str(caught.value)
    assert "flavors.1.colour: there is no such setting" in str(caught.value)
