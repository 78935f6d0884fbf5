"""Every broken Space of `tests/spaces` tells its cause in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.server import Server

CASES = sorted((Path(__file__).parents[1] / "spaces").iterdir())


def expectation(case: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((case / "expect.yaml").read_text()))


def words(expected: dict[str, Any]) -> list[str]:
    says = expected.get("says", [])
    return [says] if isinstance(says, str) else list(says)


def sdk_of(case: Path) -> str:
    readme = case / "README.md"
    text = readme.read_text() if readme.exists() else ""
    found = [sdk for sdk in ("docker", "static", "streamlit") if f"sdk: {sdk}" in text]
    return found[0] if found else "gradio"


@pytest.mark.engine
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_space_tells_its_cause(spaceport: Server, python_image: str, case: Path) -> None:
    expected = expectation(case)
    space = f"breaker/{case.name}"
    spaceport.user("breaker")
    spaceport.create_space(space, sdk_of(case))
    pushed = spaceport.push(space, case)
    if "refused" in expected:
        assert pushed.returncode != 0
        assert expected["refused"] in pushed.stderr
        told = pushed.stderr
    else:
        assert pushed.returncode == 0, pushed.stderr
        runtime = spaceport.settled(space)
        told = f"{runtime.get('errorMessage')} {runtime.get('hint')}"
        causes = expected["cause"] if isinstance(expected["cause"], list) else [expected["cause"]]
        shown = f"{runtime}\n{spaceport.logs(space, 'build')}\n{spaceport.logs(space, 'run')}"
        assert runtime["stage"] == expected["stage"], shown
        assert runtime["cause"] in causes, shown
        answered = spaceport.visit(space).status < 400
        assert answered == (runtime["stage"] == "RUNNING")
    for word in words(expected):
        assert word in told
    spaceport.delete_space(space)


def test_there_are_at_least_twenty() -> None:
    assert len(CASES) >= 20
