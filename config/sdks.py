"""The catalogue of SDKs as data: default versions, preinstalled packages, start commands."""

from __future__ import annotations

from pathlib import Path

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from config.mistakes import as_lines
from spaceport.errors import Misconfigured
from spaceport.sdk import Sdk

DEFAULT_FILE = Path(__file__).with_name("sdks.yaml")


class PythonSdk(BaseModel):
    """An SDK whose apps are Python programs with an installed environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    package: str = Field(min_length=1)
    extras: tuple[str, ...] = ()
    default_version: str
    minimum_version: str = "0"
    packages: tuple[str, ...] = ()
    command: tuple[str, ...] = Field(min_length=1)
    env: dict[str, str] = {}
    preload: tuple[str, ...] = ()

    @field_validator("default_version", "minimum_version")
    @classmethod
    def _is_a_version(cls, value: str) -> str:
        try:
            Version(value)
        except InvalidVersion as error:
            raise ValueError("write a version, for example 1.2.3") from error
        return value

    @field_validator("packages")
    @classmethod
    def _are_requirements(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for package in value:
            try:
                Requirement(package)
            except InvalidRequirement as error:
                raise ValueError(f"{package!r} is not a package: {error}") from error
        return value

    def requirement(self, version: str | None) -> str:
        """`gradio[mcp,oauth]==6.31.0`; without a version, whatever fits the rest."""
        extras = f"[{','.join(sorted(self.extras))}]" if self.extras else ""
        return f"{self.package}{extras}" + (f"=={version}" if version else "")


class SdkCatalogue(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    default_python: str = Field(pattern=r"^3\.\d+(\.\d+)?$")
    sdks: dict[Sdk, PythonSdk]

    @field_validator("sdks")
    @classmethod
    def _both_are_there(cls, value: dict[Sdk, PythonSdk]) -> dict[Sdk, PythonSdk]:
        missing = {Sdk.GRADIO, Sdk.STREAMLIT} ^ set(value)
        if missing:
            raise ValueError(f"exactly gradio and streamlit are listed; wrong: {sorted(missing)}")
        return value

    @classmethod
    def load(cls, file: Path | None = None) -> SdkCatalogue:
        """Read a file, or the one that ships. Raises `Misconfigured` with all mistakes."""
        path = file or DEFAULT_FILE
        try:
            return cls.model_validate(yaml.safe_load(path.read_text()))
        except ValidationError as error:
            raise Misconfigured(
                f"The SDK catalogue {path} is not valid:\n{as_lines(error)}",
                hint=f"Compare it with the one that ships: {DEFAULT_FILE}",
            ) from error
        except (OSError, yaml.YAMLError) as error:
            raise Misconfigured(f"The SDK catalogue {path} cannot be read: {error}") from error
