"""Destinations of an allow-list, and the choice as it is kept."""

from __future__ import annotations

import pytest

from spaceport.egress import DEFAULT_EGRESS, MOST, Destination, Egress, Preset
from spaceport.errors import Invalid
from spaceport.ledger import Ledger, egress, spaces
from spaceport.ledger.spaces import Space


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("api.example.org", "api.example.org", None),
        (" API.Example.org:443 ", "api.example.org", 443),
        ("203.0.113.0/24:8080", "203.0.113.0/24", 8080),
        ("203.0.113.7", "203.0.113.7", None),
    ],
)
def test_what_is_a_destination(text: str, host: str, port: int | None) -> None:
    found = Destination.parse(text)
    assert (found.host, found.port) == (host, port)
    assert Destination.parse(str(found)) == found
    assert (found.network is None) == host.startswith("api")


@pytest.mark.parametrize(
    "text",
    """ |example|https://example.org|example.org:0|example.org:99999|example.org:x|203.0.113.7/24|
    ::1|-a.example.org|a b.org|example.org/path|*.example.org""".split("|"),
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(Invalid):
        Destination.parse(text)


def test_a_choice_is_checked_as_a_whole() -> None:
    with pytest.raises(Invalid, match="one of: default, allow-list"):
        Egress.parse("everything")
    with pytest.raises(Invalid, match="allow-list only"):
        Egress.parse("none", ["example.org"])
    with pytest.raises(Invalid, match=f"at most {MOST}"):
        Egress.parse("allow-list", [f"h{number}.example.org" for number in range(MOST + 1)])
    twice = Egress.parse("allow-list", ["example.org:443", "EXAMPLE.org:443", " "])
    assert len(twice.destinations) == 1 and Egress.from_json(twice.to_json()) == twice


def test_it_is_kept_and_a_change_restarts(ledger: Ledger, space: Space) -> None:
    with ledger.write() as tx:
        assert egress.of(tx, space.key) == DEFAULT_EGRESS
        before = spaces.get(tx, space.key).settings_version
        listed = Egress.parse("allow-list", ["example.org"])
        assert egress.set_(tx, space.key, listed) and egress.of(tx, space.key) == listed
        assert not egress.set_(tx, space.key, listed)
        assert egress.set_(tx, space.key, Egress(Preset.NONE))
        assert egress.set_(tx, space.key, DEFAULT_EGRESS)
        assert spaces.get(tx, space.key).settings_version == before + 3
