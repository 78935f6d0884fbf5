"""SSH keys of an account through the API (11.6, SSH-12)."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.hub.conftest import Hub
from tests.hub.wire import Answer

PATH = "/api/settings/ssh-keys"


def public_key(folder: Path, name: str, *options: str) -> str:
    kind = options or ("-t", "ed25519")
    subprocess.run(
        ["ssh-keygen", "-q", "-N", "", "-C", name, "-f", folder / name, *kind], check=True
    )
    return (folder / f"{name}.pub").read_text()


def ask(hub: Hub, who: str, method: str, path: str = PATH, body: Any = None) -> Answer:
    """As one of our own pages would."""
    cookie, csrf = hub.session(who)
    headers = {"Cookie": cookie, "X-CSRF-Token": csrf, "Sec-Fetch-Site": "same-origin"}
    return hub.wire.ask(method, path, headers=headers, json_body=body)


@pytest.mark.req("SSH-12")
def test_adding_listing_and_removing(hub: Hub, tmp_path: Path) -> None:
    assert ask(hub, "kay", "GET").json() == []
    text = public_key(tmp_path, "laptop")
    added = ask(hub, "kay", "POST", body={"key": text})
    assert added.status == 201 and added.json()["name"] == "laptop"
    printed = subprocess.run(
        ["ssh-keygen", "-lf", tmp_path / "laptop"], capture_output=True, text=True
    )
    assert added.json()["fingerprint"] == printed.stdout.split()[1]
    assert ask(hub, "kay", "GET").json() == [added.json()]
    mine, theirs = (ask(hub, who, "POST", body={"key": text}) for who in ("kay", "kim"))
    assert mine.status == theirs.status == 409 and mine.error == theirs.error
    other = f"{PATH}/{added.json()['id']}"
    assert ask(hub, "kim", "DELETE", other).status == 404
    assert ask(hub, "kay", "DELETE", other).status == 200
    assert ask(hub, "kay", "DELETE", other).status == 404


@pytest.mark.req("SSH-12")
def test_what_is_no_key_is_refused_with_a_reason(hub: Hub, tmp_path: Path) -> None:
    good = public_key(tmp_path, "good")
    short = public_key(tmp_path, "short", "-t", "rsa", "-b", "2048")
    cut = good[:60]
    for bad in (f'command="id" {good}', f"{good.strip()}\x1b[31m", f"{good}{good}", short, cut):
        answer = ask(hub, "kyle", "POST", body={"key": bad})
        assert answer.status == 400 and answer.error, bad
    for more in ("more", "owner"):
        assert ask(hub, "kyle", "POST", body={"key": good, more: "x"}).status == 400
    assert ask(hub, "kyle", "POST", body={}).status == 422
    assert ask(hub, "kyle", "GET").json() == []


def test_tokens_and_strangers_manage_no_keys(hub: Hub, tmp_path: Path) -> None:
    body = {"key": public_key(tmp_path, "other")}
    assert hub.wire.get(PATH).status == 401
    assert hub.wire.ask("POST", PATH, json_body=body).status == 401
    token = hub.token("kurt")
    assert hub.wire.get(PATH, token=token).status == 403
    assert hub.wire.ask("POST", PATH, token=token, json_body=body).status == 403
    cookie, _ = hub.session("kurt")
    forged = hub.wire.ask("POST", PATH, headers={"Cookie": cookie}, json_body=body)
    assert forged.status == 403
