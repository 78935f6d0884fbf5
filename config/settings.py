"""The settings of one installation: YAML file, then environment, then flags.

Unknown keys and bad values are all reported at once with their dotted path. The environment uses
`SPACEPORT__SECTION__KEY`; the file is given by `--config` or `SPACEPORT_CONFIG`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from config.address import HostPort
from config.builder import BuilderSettings
from config.engine import EngineSettings
from config.git import GitSettings
from config.hub import HubSettings
from config.lfs import LfsSettings
from config.mistakes import as_lines
from config.previews import PreviewSettings
from config.proxy import ProxySettings
from config.runtime import RuntimeSettings
from spaceport.errors import Misconfigured

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Settings(BaseSettings):
    """What may be configured. Every field has a default that is safe on a laptop."""

    model_config = SettingsConfigDict(
        env_prefix="SPACEPORT__",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
        validate_default=True,
    )

    data: Path = Field(default=Path("data"), description="where everything is kept")
    http: HostPort = Field(
        default=HostPort(port=8080), description="where the hub, git and all apps are served"
    )
    ssh: HostPort | None = Field(
        default=HostPort(port=2222), description="where git over SSH is served; 'off' for nowhere"
    )
    url: str = Field(
        default="", description="the hub's address as browsers type it; default from `http`"
    )
    domain: str = Field(
        default="localhost", description="apps are served at <author>-<name>.<domain>"
    )
    apps_url: str = Field(
        default="",
        description="scheme and port of the apps' addresses, if they differ from the hub's: "
        "https://example.org:8443",
    )
    shared_domain: bool = Field(
        default=False,
        description="accept that hub and apps share a registrable domain (see docs/operators.md)",
    )
    database: str = Field(
        default="", description="SQLAlchemy URL of the ledger; default is SQLite in `data`"
    )
    objects: str = Field(
        default="",
        description="where git-lfs objects lie: a folder, or s3://bucket/prefix?endpoint=URL; "
        "default is `objects` in `data`",
    )
    catalogue: Path | None = Field(
        default=None, description="a file with hardware flavours and storage tiers"
    )
    engine: EngineSettings = EngineSettings()
    git: GitSettings = GitSettings()
    lfs: LfsSettings = LfsSettings()
    builder: BuilderSettings = BuilderSettings()
    runtime: RuntimeSettings = RuntimeSettings()
    proxy: ProxySettings = ProxySettings()
    hub: HubSettings = HubSettings()
    previews: PreviewSettings = PreviewSettings()

    @field_validator("data")
    @classmethod
    def _is_the_same_from_everywhere(cls, value: Path) -> Path:
        """Worker processes and the engine have working directories of their own."""
        return value.resolve()

    @field_validator("ssh", mode="before")
    @classmethod
    def _is_a_place_or_off(cls, value: Any) -> Any:
        return None if value in ("", "off", False) else value

    @field_validator("url", "apps_url")
    @classmethod
    def _is_an_origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in _DEFAULT_PORTS or not parts.hostname):
            raise ValueError("write a whole origin, for example https://spaces.example.org")
        if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
            raise ValueError("an origin has no path, query or user name")
        return value.rstrip("/")

    @field_validator("domain")
    @classmethod
    def _is_a_domain(cls, value: str) -> str:
        name = value.lower().strip(".")
        labels = name.split(".")
        if not all(label and label.replace("-", "a").isalnum() for label in labels):
            raise ValueError("write a domain without scheme, port or wildcard: apps.example.org")
        return name

    @model_validator(mode="after")
    def _hub_and_apps_are_apart(self) -> Settings:
        hub = urlsplit(self.hub_url).hostname or ""
        local = self.domain == "localhost" or self.domain.endswith(".localhost")
        if local or self.shared_domain:
            return self
        if _registrable(hub) == _registrable(self.domain):
            raise ValueError(
                f"the hub ({hub}) and the apps ({self.domain}) share a domain, so a hostile app "
                "could set cookies for the hub: give the apps a domain of their own, "
                "or accept it with shared_domain: true"
            )
        return self

    @property
    def ssh_host(self) -> str:
        """The host in addresses of git over SSH, as people type it."""
        return self.git.ssh.host or urlsplit(self.hub_url).hostname or "localhost"

    @property
    def hub_url(self) -> str:
        """The hub's origin, without a slash at the end."""
        return self.url or f"http://localhost:{self.http.port}"

    @property
    def database_url(self) -> str:
        return self.database or f"sqlite:///{self.data / 'ledger.sqlite3'}"

    def space_host(self, label: str) -> str:
        """`label.domain`, with the port where it is not the scheme's own."""
        parts = urlsplit(self.apps_url or self.hub_url)
        port = parts.port
        plain = port is None or port == _DEFAULT_PORTS[parts.scheme]
        return f"{label}.{self.domain}" + ("" if plain else f":{port}")

    def space_url(self, label: str) -> str:
        """The origin of a Space's app, as browsers type it."""
        return f"{urlsplit(self.apps_url or self.hub_url).scheme}://{self.space_host(label)}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls)


def load(flags: Mapping[str, Any] | None = None, file: Path | None = None) -> Settings:
    """Read file, environment and flags. Raises `Misconfigured` that lists every mistake.

    `flags` are nested as the settings are: `{"http": "0.0.0.0:80", "engine": {"kind": "docker"}}`.
    """
    path = file or _from_environment("SPACEPORT_CONFIG")
    values = dict(flags or {})
    data = _from_environment("SPACEPORT_DATA")
    if data is not None:
        values.setdefault("data", data)
    _check_file(path)
    _check_environment()

    class FromFile(Settings):
        model_config = SettingsConfigDict(yaml_file=path)

    try:
        return FromFile(**values)
    except ValidationError as error:
        raise Misconfigured(
            f"The settings are not valid:\n{as_lines(error)}",
            hint="'spaceport doctor' prints every setting with its present value.",
        ) from error


def _from_environment(name: str) -> Path | None:
    value = os.environ.get(name)
    return Path(value) if value else None


def _check_file(path: Path | None) -> None:
    """The YAML source takes a missing or empty file for an empty one; a person should be told."""
    if path is None:
        return
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise Misconfigured(f"The settings file {path} cannot be read: {error}") from error
    if found is not None and not isinstance(found, dict):
        raise Misconfigured(f"The settings file {path} must hold 'key: value' lines.")


def _check_environment() -> None:
    """A misspelt section in the environment would be passed over without a word."""
    prefix = str(Settings.model_config["env_prefix"])
    sections = {
        name.lower().removeprefix(prefix.lower()).split("__")[0]: name
        for name in os.environ
        if name.upper().startswith(prefix)
    }
    unknown = [name for section, name in sections.items() if section not in Settings.model_fields]
    if unknown:
        raise Misconfigured(
            "The environment names settings that do not exist: " + ", ".join(sorted(unknown)),
            hint=f"The sections are: {', '.join(Settings.model_fields)}.",
        )


def _registrable(host: str) -> str:
    """The last two labels; enough to warn, the public suffix list is not at hand."""
    return ".".join(host.lower().split(".")[-2:])
