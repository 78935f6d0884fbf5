"""Hardware flavours and storage tiers as data (spaces-behaviour 4)."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from config.mistakes import as_lines
from spaceport.errors import Invalid, Misconfigured

GIB = 1024**3
DEFAULT_FILE = Path(__file__).with_name("catalogue.yaml")
FREE_FLAVOR = "cpu-basic"

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$")]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Flavor(_Row):
    """A named size. Memory, disk and GPU memory (the sum over all GPUs) are in GiB."""

    slug: Slug
    name: str
    cpus: float = Field(gt=0)
    memory: int = Field(gt=0)
    disk: int = Field(gt=0)
    price: float = Field(ge=0, description="US dollars an hour")
    accelerator: str | None = None
    gpus: int = Field(default=0, ge=0)
    gpu_memory: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _gpus_are_named(self) -> Flavor:
        if (self.gpus > 0) != (self.accelerator is not None):
            raise ValueError("'accelerator' and 'gpus' go together")
        return self

    @property
    def memory_bytes(self) -> int:
        return self.memory * GIB

    @property
    def disk_bytes(self) -> int:
        return self.disk * GIB

    @property
    def paid(self) -> bool:
        return self.price > 0

    @property
    def cpu_cores(self) -> str:
        """What `CPU_CORES` says in the app: `2`, `0.5`."""
        return f"{self.cpus:g}"

    @property
    def memory_text(self) -> str:
        """What `MEMORY` says in the app: `16Gi` (spaces-behaviour 9)."""
        return f"{self.memory}Gi"


class StorageTier(_Row):
    """Persistent disk on top of the flavour's own; `size` in GiB, `price` in dollars a month."""

    slug: Slug
    name: str
    size: int = Field(gt=0)
    price: float = Field(ge=0)


class Catalogue(_Row):
    flavors: tuple[Flavor, ...]
    storage: tuple[StorageTier, ...] = ()

    @model_validator(mode="after")
    def _slugs_are_unique(self) -> Catalogue:
        for rows in (self.flavors, self.storage):
            slugs = [row.slug for row in rows]
            twice = sorted({slug for slug in slugs if slugs.count(slug) > 1})
            if twice:
                raise ValueError(f"listed twice: {', '.join(twice)}")
        if FREE_FLAVOR not in {flavor.slug for flavor in self.flavors}:
            raise ValueError(f"there must be a flavour {FREE_FLAVOR!r}: new Spaces start on it")
        return self

    @classmethod
    def load(cls, file: Path | None = None) -> Catalogue:
        """Read a catalogue file, or the one that ships. Raises `Misconfigured` with all faults."""
        path = file or DEFAULT_FILE
        try:
            return cls.model_validate(yaml.safe_load(path.read_text()))
        except ValidationError as error:
            raise Misconfigured(
                f"The catalogue {path} is not valid:\n{as_lines(error)}",
                hint=f"Compare it with the one that ships: {DEFAULT_FILE}",
            ) from error
        except (OSError, yaml.YAMLError) as error:
            raise Misconfigured(f"The catalogue {path} cannot be read: {error}") from error

    @cached_property
    def _by_slug(self) -> dict[str, Flavor]:
        return {flavor.slug: flavor for flavor in self.flavors}

    def flavor(self, slug: str) -> Flavor:
        """Raises `Invalid` for a slug that this installation does not know."""
        found = self._by_slug.get(slug)
        if found is None:
            known = ", ".join(self._by_slug)
            raise Invalid(f"There is no hardware {slug!r} here.", hint=f"Choose one of: {known}.")
        return found

    def has_flavor(self, slug: str) -> bool:
        return slug in self._by_slug
