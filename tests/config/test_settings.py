"""File, then environment, then flags; every mistake at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import load
from spaceport.errors import Misconfigured


def test_the_defaults_are_those_of_a_laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACEPORT_DATA", raising=False)
    settings = load()
    assert str(settings.http) == "127.0.0.1:8080"
    assert str(settings.ssh) == "127.0.0.1:2222"
    assert settings.hub_url == "http://localhost:8080"
    assert settings.space_url("ada-hello") == "http://ada-hello.localhost:8080"


def test_the_data_folder_is_the_same_from_every_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPACEPORT_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert load().data == tmp_path / "data"
    assert load({"data": "elsewhere"}).data == tmp_path / "elsewhere"


def test_ssh_is_somewhere_or_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load({"ssh": "off"}).ssh is None
    file = tmp_path / "spaceport.yaml"
    for text in ("ssh: ''", "ssh: off", "ssh: null", "ssh: 'off'"):
        file.write_text(text)
        assert load(file=file).ssh is None, text
    monkeypatch.setenv("SPACEPORT__SSH", "0.0.0.0:22")
    assert str(load().ssh) == "0.0.0.0:22" and "ssh" in load().model_fields_set
    monkeypatch.setenv("SPACEPORT__SSH", "off")
    assert load().ssh is None
    monkeypatch.delenv("SPACEPORT__SSH")
    monkeypatch.setenv("SPACEPORT__SSH__PORT", "2200")
    assert str(load().ssh) == "127.0.0.1:2200"
    monkeypatch.setenv("SPACEPORT__GIT__SSH__LIMITS__CHANNELS", "3")
    assert load().git.ssh.limits.channels == 3
    with pytest.raises(Misconfigured, match="ssh"):
        load({"ssh": "nowhere"})


def test_flags_win_over_the_environment_and_it_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "spaceport.yaml"
    file.write_text("http: {host: 0.0.0.0, port: 1}\ndomain: apps.test\nurl: http://hub.example\n")
    monkeypatch.setenv("SPACEPORT__HTTP__PORT", "2")
    assert (load(file=file).http.host, load(file=file).http.port) == ("0.0.0.0", 2)
    assert load({"http": "127.0.0.1:3"}, file).http.port == 3
    assert load(file=file).domain == "apps.test"


def test_all_mistakes_are_told_at_once_with_their_paths(tmp_path: Path) -> None:
    file = tmp_path / "spaceport.yaml"
    file.write_text("http: {port: 99999}\nbogus: 1\ndomain: 'https://x'\ngit: {nonsense: 1}\n")
    with pytest.raises(Misconfigured) as caught:
        load(file=file)
    for path in ("http.port", "bogus: there is no such setting", "domain", "git.nonsense"):
        assert path in str(caught.value)


def test_a_misspelt_variable_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACEPORT__HTPP__PORT", "1")
    with pytest.raises(Misconfigured, match="SPACEPORT__HTPP__PORT"):
        load()


def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        load(file=tmp_path / "absent.yaml")


def test_a_proxy_with_https_gives_https_apps() -> None:
    settings = load({"url": "https://hub.example.org", "domain": "apps.test"})
    assert settings.space_url("a-b") == "https://a-b.apps.test"
    settings = load({"url": "https://hub.test", "domain": "x.io", "apps_url": "https://x.io:8443"})
    assert settings.space_url("a-b") == "https://a-b.x.io:8443"


@pytest.mark.req("WEB-11")
def test_hub_and_apps_on_one_domain_need_a_flag() -> None:
    flags = {"url": "https://hub.example.org", "domain": "apps.example.org"}
    with pytest.raises(Misconfigured, match="share a domain"):
        load(flags)
    assert load({**flags, "shared_domain": True}).domain == "apps.example.org"
