"""What tests of discussions share: one person's calls about one Space, and the `hf` command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import DiscussionComment, HfApi
from huggingface_hub.errors import HfHubHTTPError

from tests.hub.conftest import Hub
from tests.hub.wire import Answer

HF = Path(sys.executable).with_name("hf")


class Talk:
    """Calls of one person about one Space."""

    def __init__(self, hub: Hub, name: str, space: str) -> None:
        self.hub, self.space, self.token = hub, space, hub.token(name)
        self.api = HfApi(endpoint=hub.url, token=self.token)
        self.here: dict[str, Any] = {"repo_id": space, "repo_type": "space"}

    def begin(self, title: str = "Hello", text: str = "The text") -> int:
        return self.api.create_discussion(title=title, description=text, **self.here).num

    def details(self, number: int) -> Any:
        return self.api.get_discussion_details(discussion_num=number, **self.here)

    def comment(self, number: int, text: str = "Me too") -> DiscussionComment:
        return self.api.comment_discussion(discussion_num=number, comment=text, **self.here)

    def numbers(self, **filters: Any) -> list[int]:
        return [each.num for each in self.api.get_repo_discussions(**self.here, **filters)]

    def post(self, tail: str, body: Any = None) -> Answer:
        path = f"/api/spaces/{self.space}/discussions/{tail}".rstrip("/")
        return self.hub.wire.ask("POST", path, token=self.token, json_body=body)


def refused(status: int, call: Callable[[], object], match: str | None = None) -> None:
    with pytest.raises(HfHubHTTPError, match=match) as error:
        call()
    assert error.value.response.status_code == status


class Hf:
    """`hf discussions`, as one person types it."""

    def __init__(self, hub: Hub, name: str, home: Path) -> None:
        self.env = {
            **os.environ,
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": hub.token(name),
            "HF_HOME": str(home),
            "NO_COLOR": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        }

    def __call__(self, *words: str) -> str:
        command = [HF, "discussions", *words, "--type", "space"]
        ran = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=180)
        assert ran.returncode == 0, f"{ran.stdout}{ran.stderr}"
        return ran.stdout
