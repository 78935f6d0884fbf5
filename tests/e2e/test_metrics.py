"""A Space's figures and the installation's, from a whole Spaceport whose apps freeze and thaw."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.server import Server
from tests.e2e.test_survival import write
from tests.waiting import eventually

pytestmark = pytest.mark.engine


def figures(server: Server) -> dict[str, float]:
    """Samples without labels, as Prometheus reads them."""
    answer = server.get("/metrics", headers={"Authorization": "Bearer scrape-me"})
    assert answer.status == 200, answer.text
    families = text_string_to_metric_families(answer.text)
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def open_live(server: Server, space: str) -> http.client.HTTPResponse:
    """The Space's own stream, as it begins."""
    author = space.split("/")[0]
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    headers = {"Authorization": f"Bearer {server.user(author)}", "Host": f"localhost:{server.port}"}
    connection.request("GET", f"/api/spaces/{space}/metrics", headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    return answer


def live(server: Server, space: str, count: int) -> list[dict[str, Any]]:
    """The first so many of its events."""
    answer = open_live(server, space)
    found: list[dict[str, Any]] = []
    while len(found) < count and (line := answer.readline()):
        if line == b"event: metric\n":
            found.append(json.loads(answer.readline().removeprefix(b"data: ")))
    answer.close()
    return found


@pytest.mark.req("RUN-12")
def test_what_operators_and_owners_see(
    new_server: Callable[..., Server], python_image: str, tmp_path: Path
) -> None:
    server = new_server(
        SPACEPORT__RUNTIME__FREEZE_AFTER="1", SPACEPORT__HUB__METRICS_TOKEN="scrape-me"
    )
    assert server.get("/metrics").status == 401
    server.create_space("ada/app", "docker")
    source = write(tmp_path / "app", "one")  # an image of its own is built sooner than an SDK
    (source / "README.md").write_text("---\ntitle: App\nsdk: docker\napp_port: 7860\n---\n")
    dockerfile = f'FROM {python_image}\nCOPY app.py /app.py\nCMD ["python", "/app.py"]\n'
    (source / "Dockerfile").write_text(dockerfile)
    assert server.push("ada/app", source).returncode == 0
    server.reaches("ada/app", "RUNNING")
    first, second = live(server, "ada/app", 2)
    assert first["replica"] == second["replica"]
    assert 0 < second["memory_used_bytes"] <= second["memory_total_bytes"]
    assert second["cpu_millicores"] >= 0

    def frozen() -> bool:
        return figures(server)["spaceport_replicasfrozen"] == 1

    eventually(frozen, timeout=30)
    assert live(server, "ada/app", 1)[0]["cpu_millicores"] == 0
    assert frozen()  # looking is no use
    assert server.runtime("ada/app")["stage"] == "RUNNING"
    answer = server.visit("ada/app")
    assert (answer.status, answer.text) == (200, "one")
    found = figures(server)
    assert found["spaceport_thaw_seconds_count"] == 1
    assert found["spaceport_proxy_thaw_waits_total"] == 1
    assert found["spaceport_push_to_live_seconds_count"] == 1
    assert found["spaceport_spacesRUNNING"] == 1
    assert found["spaceport_proxy_answers_total2xx"] >= 1
    followed = open_live(server, "ada/app")
    server.stop()  # it waits for requests under way, but a stream would never end
    with pytest.raises(http.client.IncompleteRead):
        followed.read()
    assert "Traceback" not in server.log
    assert "Unclosed" not in server.log
