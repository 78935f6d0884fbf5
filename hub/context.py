"""Everything that the hub's doors (API, web, git over HTTP, command line) share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config.catalogue import Catalogue
from config.sdks import SdkCatalogue
from config.settings import Settings
from gitserver.content import Content
from gitserver.lfs.objects import LargeObjects
from gitserver.lfs.passes import Passes
from gitserver.repositories import Repositories
from hub.tickets import Tickets
from spaceport.addresses import page_path
from spaceport.ledger import Ledger
from spaceport.ledger.spaces import Space
from spaceport.pools import Pools
from spaceport.sealing import Keyring


@dataclass(frozen=True)
class SshDoor:
    """How git over SSH is reached. `host_keys`: kind and fingerprint of each."""

    user: str
    host: str
    port: int
    host_keys: tuple[str, ...] = ()

    def clone_url(self, place: str) -> str:
        """The address of the repository at `place` (`spaces/author/name`)."""
        if self.port == 22:
            return f"{self.user}@{self.host}:{place}"
        return f"ssh://{self.user}@{self.host}:{self.port}/{place}"

    @property
    def greeting(self) -> str:
        """The command that tells whether a key is known."""
        port = "" if self.port == 22 else f"-p {self.port} "
        return f"ssh -T {port}{self.user}@{self.host}"


@dataclass(frozen=True)
class HubContext:
    """Made once by the assembly, and handed to every `add_...(app, context)`."""

    settings: Settings
    ledger: Ledger
    pools: Pools
    keyring: Keyring
    repositories: Repositories
    content: Content
    catalogue: Catalogue
    sdks: SdkCatalogue
    tickets: Tickets
    large: LargeObjects
    passes: Passes
    ssh: SshDoor | None = None  # where git over SSH is served, so that pages may offer it

    @property
    def data(self) -> Path:
        return self.settings.data

    @property
    def secure(self) -> bool:
        """Whether browsers reach the hub over TLS: cookies then are `__Host-` and `Secure`."""
        return self.settings.hub_url.startswith("https://")

    def page_url(self, space: Space) -> str:
        """The Space's page on the hub."""
        return f"{self.settings.hub_url}{page_path(space)}"

    def app_url(self, space: Space) -> str:
        """The origin of the Space's app."""
        return self.settings.space_url(space.host_label)

    def join_url(self, text: str) -> str:
        """The one-time link for what `spaceport.ledger.invitations.create` gave."""
        return f"{self.settings.hub_url}/join/{text}"
