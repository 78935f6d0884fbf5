"""What `spaceport doctor` says of storage."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import Settings
from config.storage import StorageSettings
from hub.doctor import Verdict
from hub.doctor_storage import storage
from runtime.storage.disks import Disks
from spaceport.ledger import Ledger, accounts, volumes

TB = 1024**4


def settings_for(data: Path, **more: bool) -> Settings:
    made = Settings(data=data)
    changed = made.runtime.model_copy(update={"storage": StorageSettings(**more)})  # type: ignore[arg-type]
    return made.model_copy(update={"runtime": changed})


def test_nothing_is_said_of_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert list(storage(settings_for(tmp_path / "none"))) == []


def test_whether_it_can_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Disks, "_try", lambda _self: "")
    (good,) = storage(settings_for(tmp_path))
    assert good.verdict is Verdict.GOOD
    monkeypatch.setattr(Disks, "_try", lambda _self: "no loop devices")
    (refused,) = storage(settings_for(tmp_path))
    assert (refused.verdict, "no loop devices" in refused.text) == (Verdict.WARNING, True)
    assert "runtime.storage.plain" in refused.hint
    (plain,) = storage(settings_for(tmp_path, plain=True))
    assert (plain.verdict, "without any limit" in plain.text) == (Verdict.WARNING, True)


def test_more_promised_than_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Disks, "_try", lambda _self: "")
    settings = settings_for(tmp_path)
    ledger = Ledger(settings.database_url)
    with ledger.write() as tx:
        owner = accounts.create_user(tx, "ada")
        volumes.make_bucket(tx, owner.id, "small", "small", 1024**2)
    assert [one.verdict for one in storage(settings)] == [Verdict.GOOD, Verdict.GOOD]
    with ledger.write() as tx:
        volumes.make_bucket(tx, owner.id, "large", "large", 900 * TB)
    ledger.close()
    warned = list(storage(settings))[-1]
    assert (warned.verdict, warned.text.startswith("900 TB promised")) == (Verdict.WARNING, True)
    assert "not enough for all" in warned.text
