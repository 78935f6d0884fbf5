from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from spaceport.errors import Invalid
from spaceport.passwords import Verdict, check_password, hash_password, verify_password


@pytest.mark.req("API-04")
def test_a_password_is_verified_against_its_phc_string() -> None:
    stored = hash_password("correct horse")
    assert stored.startswith("$argon2id$v=19$m=65536,t=2,p=1$")
    assert len(stored) <= 200
    assert verify_password("correct horse", stored) == Verdict(True)
    assert verify_password("correct hors", stored) == Verdict(False)


@pytest.mark.req("API-04")
def test_an_unknown_user_costs_the_same_work_and_is_never_right() -> None:
    assert verify_password("anything at all", None) == Verdict(False)
    assert verify_password("x" * 5000, hash_password("x" * 1024)) == Verdict(False)


def test_a_hash_with_weaker_parameters_is_stale() -> None:
    weak = Argon2id(salt=b"0" * 16, length=32, iterations=1, lanes=1, memory_cost=8192)
    assert verify_password("password", weak.derive_phc_encoded(b"password")) == Verdict(True, True)


def test_a_damaged_hash_is_simply_wrong() -> None:
    assert verify_password("password", "$argon2id$nonsense") == Verdict(False)


@pytest.mark.parametrize("password", ["", "1234567", "x" * 1025, "é" * 513])
def test_too_short_and_too_long_are_named(password: str) -> None:
    with pytest.raises(Invalid, match="8 to 1024 bytes"):
        check_password(password)
    with pytest.raises(Invalid):
        hash_password(password)
