"""Who acts: nobody known, an account (session, SSH key), a token, or Spaceport itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from spaceport.ledger.accounts import Account
from spaceport.ledger.sessions import Session
from spaceport.ledger.tokens import Token
from spaceport.roles import OrgRole


class Means(StrEnum):
    """How an actor made itself known."""

    NONE = "none"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105
    KEY = "key"  # an SSH key, which gives what a write token gives
    SYSTEM = "system"  # the command line on this machine, and Spaceport itself


@dataclass(frozen=True)
class Actor:
    """`roles` are the roles in organisations, by organisation id."""

    means: Means = Means.NONE
    account: Account | None = None
    roles: Mapping[str, OrgRole] = field(default_factory=dict, hash=False)
    token: Token | None = None
    session: Session | None = None

    @property
    def anonymous(self) -> bool:
        return self.means is Means.NONE

    @property
    def id(self) -> str | None:
        """The account's id, for events and pushes; None for nobody and for Spaceport itself."""
        return None if self.account is None else self.account.id

    @property
    def name(self) -> str:
        return "" if self.account is None else self.account.name

    @property
    def is_site_admin(self) -> bool:
        """Rights of the administrator hold in a session only: a stolen token never has them."""
        admin = self.account is not None and self.account.is_admin
        return self.means is Means.SYSTEM or (admin and self.means is Means.SESSION)


ANONYMOUS = Actor()
SYSTEM = Actor(Means.SYSTEM)
