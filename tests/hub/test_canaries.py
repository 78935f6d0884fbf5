"""No token, password or secret value is anywhere but where it must be (API-03, KEY-03, KEY-06)."""

from __future__ import annotations

import base64
import hashlib
import logging
from pathlib import Path

import pytest

from spaceport.ledger import accounts, secrets, sessions
from spaceport.passwords import hash_password
from tests.hub.conftest import Hub

CANARY = "canary-5b1f9c2e-value"
PASSWORD = "canary-77-password"


@pytest.mark.req("API-03")
@pytest.mark.req("KEY-03")
def test_nothing_on_disk_in_answers_or_in_the_log(
    hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    space = hub.space("nora/demo")
    token = hub.token("nora")
    with hub.context.ledger.write() as tx:
        nora = accounts.user(tx, "nora")
        accounts.set_password(tx, nora.id, hash_password(PASSWORD))
        _, cookie = sessions.begin(tx, nora.id)
    answers = []
    api = "/api/spaces/nora/demo"
    for value in (CANARY, CANARY + "\0", CANARY * 10_000):  # stored, refused, too long
        body = {"key": "SECRET", "value": value}
        answers.append(hub.wire.ask("POST", f"{api}/secrets", token=token, json_body=body))
    wrong = {"key": "SECRET", "value": [CANARY]}
    answers.append(hub.wire.ask("POST", f"{api}/secrets", token=token, json_body=wrong))
    clash = {"key": "SECRET", "value": CANARY}
    answers.append(hub.wire.ask("POST", f"{api}/variables", token=token, json_body=clash))
    create = {
        "name": "second",
        "type": "space",
        "sdk": "gradio",
        "secrets": [{"key": "S", "value": CANARY}, {"key": "1", "value": CANARY}],
    }
    answers.append(hub.wire.ask("POST", "/api/repos/create", token=token, json_body=create))
    for path in ("", "/secrets", "/variables", "/runtime", "/jwt", "/commits/main"):
        answers.append(hub.wire.get(f"{api}{path}", token=token))
    answers.append(hub.wire.get("/api/whoami-v2", token=token))
    assert {answer.status for answer in answers} == {200, 400, 422}

    issued = [*hub.issued, cookie]
    hidden = [CANARY, PASSWORD, *issued]
    for answer in answers:
        text = answer.body.decode() + str(answer.headers)
        assert not [word for word in hidden if word in text]
    assert not [word for word in hidden if word in caplog.text]
    for word in hidden:
        assert not found_in(hub.context.data, word), word[:6]
    with hub.context.ledger.read() as tx:
        revealed = secrets.reveal(tx, hub.context.keyring, space.key)
    assert revealed == {"SECRET": CANARY}


def found_in(folder: Path, word: str) -> list[Path]:
    """Files that hold a word, as it is or in base64 or hexadecimal."""
    plain = word.encode()
    shapes = (plain, base64.b64encode(plain)[:-4], plain.hex().encode())
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found += [path for shape in shapes if shape in data]
    return found


def test_the_search_itself_finds_what_is_there(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"..." + base64.b64encode(CANARY.encode()))
    assert found_in(tmp_path, CANARY)
    token = hub.token("nora")
    digest = hashlib.sha256(token.encode()).hexdigest()
    assert found_in(hub.context.data, digest)
