"""What a plan depends on besides the files of the revision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from builder.bases import Base, Chosen
from config.builder import BuilderSettings
from config.sdks import SdkCatalogue
from spaceport.engine import EngineInfo
from spaceport.names import SpaceKey


@dataclass(frozen=True)
class Context:
    """`choose_base` gets the card's python_version, or None when the card is silent; `probe` tells
    what the engine can do; `with_packages` finds a base of the same Python that has apt. All may
    block and are only called by plans that need them."""

    key: SpaceKey
    revision: str
    catalogue: SdkCatalogue
    settings: BuilderSettings
    choose_base: Callable[[str | None], Chosen]
    probe: Callable[[], EngineInfo]
    with_packages: Callable[[Base], Base | None] = lambda base: None
    variables: Mapping[str, str] = field(default_factory=dict)
    secret_versions: Mapping[str, int] = field(default_factory=dict)
