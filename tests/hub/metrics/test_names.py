"""What Prometheus' own linter asks of names and types, and that docs/metrics.md has them all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from hub.context import HubContext
from hub.metrics.page import MetricsPage
from runtime.proxy.metrics import Metrics
from tests.hub.conftest import make_context
from tests.hub.wire import free_port

DOCUMENT = Path(__file__).parents[3] / "docs" / "metrics.md"
NAME = re.compile(r"(spaceport|process)_[a-z0-9]+(_[a-z0-9]+)*")


@pytest.fixture
def families(tmp_path: Path) -> list[Metric]:
    context: HubContext = make_context(tmp_path / "data", free_port())
    page = MetricsPage(context, Metrics())
    page.thawed(0.2)
    registry: CollectorRegistry = page._registry
    page._figures.read()
    found = list(text_string_to_metric_families(generate_latest(registry).decode()))
    context.pools.close()
    context.ledger.close()
    return found


def test_the_linter_finds_nothing(families: list[Metric]) -> None:
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    for family in families:
        assert NAME.fullmatch(family.name), family.name
        assert family.documentation.endswith("."), family.name
        assert family.type in ("counter", "gauge", "histogram"), family.name
        # Units stand at the end of a name and are base units; no name tells its type.
        assert not re.search(r"_(ms|milliseconds|kb|mb|minutes|counter|gauge)$", family.name)
        if family.type == "histogram":
            assert family.name.endswith("_seconds")
            _check_buckets(family)
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples), family.name
        for sample in family.samples:
            assert not set(sample.labels) & {"space", "user", "id", "path", "host"}, sample


def _check_buckets(family: Metric) -> None:
    plain = [one for one in family.samples if set(one.labels) <= {"le"}]
    buckets = [one for one in plain if one.name.endswith("_bucket")]
    if not buckets:
        return  # by a label that has no value yet
    assert buckets[-1].labels["le"] == "+Inf"
    values = [one.value for one in buckets]
    assert values == sorted(values)
    assert next(one.value for one in plain if one.name.endswith("_count")) == values[-1]
    assert any(one.name.endswith("_sum") for one in plain)


def test_the_document_has_every_name_and_type(families: list[Metric]) -> None:
    told: dict[str, str] = {}
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 5 and cells[2] in ("counter", "gauge", "histogram"):
            told |= dict.fromkeys(re.findall(r"`(\w+)`", cells[1]), cells[2])
    assert told == {family.name: family.type for family in families}
