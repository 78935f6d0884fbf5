"""The Card: the validated front matter of README.md (spaces-behaviour 2).

`read_card` is the one reader: the push check, `validate-yaml`, the builder and the web use it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from spaceport import card_values as values
from spaceport.frontmatter import FrontMatterError, Plain, find_block, native, parse
from spaceport.licenses import LICENSES
from spaceport.sdk import Sdk

DEFAULT_PYTHON = "3.10"
DEFAULT_STARTUP = "30m"
MAX_GUESSES = 20  # unknown keys that are compared with the known ones
SCOPES = tuple(
    """openid profile email read-billing read-memberships read-repos gated-repos contribute-repos
    write-repos manage-repos read-collections write-collections inference-api read-endpoints
    write-endpoints jobs webhooks write-discussions""".split()
)
_REPO = values.matching(
    r"[A-Za-z0-9_](?:[\w.-]*\w)?(?:/[A-Za-z0-9_](?:[\w.-]*\w)?)?",
    "a repository id such as owner/name",
    200,
)
_SDK_VERSION = values.matching(
    r"\d{1,6}(\.\d{1,6}){0,3}((a|b|rc|\.?post|\.?dev)\d{1,6})?", "a version such as 5.49.1", 40
)
_BASE_PATH = values.matching(
    r"(?!.*/\.\./)(?!.*/\.\.$)/(?:[A-Za-z0-9._~@=+,:%?&#-][A-Za-z0-9._~@=+,:%?&#/-]*)?",
    "a path that starts with one '/', such as /docs",
)
_ORG = values.matching(r"[\w.-]{1,96}", "the name of an organisation")
_PRELOAD = values.matching(
    r"[\w.-]+(/[\w.-]+)?( [\w.,/+@=~-]+( [0-9a-f]{40})?)?",
    "'owner/name', 'owner/name file1,file2' or 'owner/name file1,file2 <commit>'",
)


def _maybe(read: values.Reader) -> BeforeValidator:
    """The reader for a key that may be absent; an empty value is the same as no key."""
    return BeforeValidator(lambda value: None if value is None else read(value))


class Card(BaseModel):
    """What a README says about its Space. Unknown keys are kept (`model_extra`) and ignored.

    Attributes are the YAML keys in snake case. A key that is absent has the default shown here.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    title: Annotated[str | None, _maybe(values.line(1000))] = None
    emoji: Annotated[str | None, _maybe(values.emoji)] = None
    color_from: Annotated[str | None, _maybe(values.one_of(values.COLORS))] = Field(
        default=None, alias="colorFrom"
    )
    color_to: Annotated[str | None, _maybe(values.one_of(values.COLORS))] = Field(
        default=None, alias="colorTo"
    )
    sdk: Annotated[Sdk | None, _maybe(values.one_of(sdk.value for sdk in Sdk))] = None
    sdk_version: Annotated[str | None, _maybe(_SDK_VERSION)] = None
    python_version: Annotated[
        str,
        BeforeValidator(values.matching(r"3\.\d{1,2}(\.\d{1,2})?", "3.x or 3.x.x, such as 3.12")),
    ] = DEFAULT_PYTHON
    app_file: Annotated[str | None, _maybe(values.path)] = None
    app_build_command: Annotated[str | None, _maybe(values.text)] = None
    app_port: Annotated[int, BeforeValidator(values.whole(1, 65535))] = 7860
    base_path: Annotated[str, BeforeValidator(_BASE_PATH)] = "/"
    full_width: Annotated[bool, BeforeValidator(values.flag)] = Field(
        default=True, alias="fullWidth"
    )
    header: Annotated[str, BeforeValidator(values.one_of(("default", "mini")))] = "default"
    short_description: Annotated[str | None, _maybe(values.line(60))] = None
    models: Annotated[tuple[str, ...], BeforeValidator(values.list_of(_REPO))] = ()
    datasets: Annotated[tuple[str, ...], BeforeValidator(values.list_of(_REPO))] = ()
    tags: Annotated[tuple[str, ...], BeforeValidator(values.list_of(values.line(200)))] = ()
    thumbnail: Annotated[
        str | None,
        _maybe(values.matching(r"https?://[^\s\"'<>`\\]+", "an http or https URL", 2048)),
    ] = None
    pinned: Annotated[bool, BeforeValidator(values.flag)] = False
    license: Annotated[
        tuple[str, ...], BeforeValidator(values.one_or_list(values.one_of(LICENSES)))
    ] = ()
    license_name: Annotated[str | None, _maybe(values.line(200))] = None
    hf_oauth: Annotated[bool, BeforeValidator(values.flag)] = False
    hf_oauth_scopes: Annotated[
        tuple[str, ...], BeforeValidator(values.list_of(values.one_of(SCOPES)))
    ] = ()
    hf_oauth_expiration_minutes: Annotated[int, BeforeValidator(values.whole(1, 43200))] = 480
    hf_oauth_authorized_org: Annotated[
        tuple[str, ...], BeforeValidator(values.one_or_list(_ORG))
    ] = ()
    disable_embedding: Annotated[bool, BeforeValidator(values.flag)] = False
    startup_duration_timeout: Annotated[str, BeforeValidator(values.duration)] = DEFAULT_STARTUP
    custom_headers: Annotated[dict[str, str], BeforeValidator(values.headers)] = Field(
        default_factory=dict
    )
    preload_from_hub: Annotated[tuple[str, ...], BeforeValidator(values.list_of(_PRELOAD))] = ()
    suggested_hardware: Annotated[
        str | None, _maybe(values.matching(r"[a-z0-9-]{1,64}", "a hardware name such as cpu-basic"))
    ] = None
    suggested_storage: Annotated[
        str | None, _maybe(values.one_of(("small", "medium", "large")))
    ] = None
    meta_title: Annotated[str | None, _maybe(values.line(1000))] = Field(
        default=None, alias="metaTitle"
    )
    description: Annotated[str | None, _maybe(values.text)] = None

    @property
    def app_file_or_default(self) -> str:
        """The file without which there is nothing to run; `Dockerfile` for every Docker Space."""
        if self.sdk is Sdk.DOCKER:
            return Sdk.DOCKER.default_app_file
        return self.app_file or (self.sdk or Sdk.GRADIO).default_app_file

    @property
    def startup_seconds(self) -> int:
        """`startup_duration_timeout` in seconds."""
        return values.seconds(self.startup_duration_timeout)

    def to_json(self) -> dict[str, Any]:
        """What the README said, under its own keys, unknown ones included."""
        said = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        for key in ("license", "hf_oauth_authorized_org"):
            if len(said.get(key, ())) == 1:
                said[key] = said[key][0]
        return {key: value for key, value in said.items() if value is not None}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Card:
        """The inverse of `to_json`; a value that is no longer valid counts as absent."""
        card, problems = _validate(stored)
        if card is not None:
            return card
        bad = {key for key, _ in problems}
        card, _ = _validate({key: value for key, value in stored.items() if key not in bad})
        return card or cls()


KEYS: frozenset[str] = frozenset(field.alias or name for name, field in Card.model_fields.items())
"""The known keys as they are written in a README."""


@dataclass(frozen=True)
class CardReading:
    """What came of reading a README.

    `problems` refuse a push and make `card` None; `warnings` do not. `missing` says that there is
    no block at all. Each is one plain sentence.
    """

    card: Card | None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    missing: bool = False


def read_card(readme: bytes) -> CardReading:
    """Read the front matter of a README; never raises."""
    try:
        block = find_block(readme)
        if block is None:
            return CardReading(None, warnings=(_missing(readme),), missing=True)
        found = parse(block)
    except FrontMatterError as error:
        return CardReading(None, problems=(str(error),))
    said = {key: value for key, value in found.items() if not _empty(value)}
    known = {key: value if key in KEYS else native(value) for key, value in said.items()}
    card, problems = _validate(known)
    if card is None:
        return CardReading(None, tuple(f"{key} {what}" for key, what in problems))
    if beyond := _beyond_types(card):
        return CardReading(None, beyond)
    return CardReading(card, warnings=_warnings(card))


def _validate(said: Mapping[str, Any]) -> tuple[Card | None, list[tuple[str, str]]]:
    try:
        return Card.model_validate(said), []
    except ValidationError as error:
        return None, [_problem(found) for found in error.errors()]


def _problem(found: ErrorDetails) -> tuple[str, str]:
    """The key and the second half of the sentence; pydantic's own words are a last resort."""
    key = str(found["loc"][0]) if found["loc"] else "The block"
    own = found.get("ctx", {}).get("error")
    return key, str(own) if own is not None else f"is not valid: {found['msg']}."


def _beyond_types(card: Card) -> tuple[str, ...]:
    """Rules that need two keys."""
    if card.sdk is Sdk.STREAMLIT and card.sdk_version and _before_0_79(card.sdk_version):
        return (f"sdk_version must be 0.79.0 or newer for Streamlit, not '{card.sdk_version}'.",)
    return ()


def _before_0_79(version: str) -> bool:
    numbers = [int(part) for part in version.split(".")[:2] if part.isdigit()]
    return numbers < [0, 79] if len(numbers) == 2 else numbers == [0]


def _empty(value: Any) -> bool:
    return isinstance(value, Plain) and native(value) is None


def _warnings(card: Card) -> tuple[str, ...]:
    found = []
    if card.sdk is None:
        allowed = ", ".join(sdk.value for sdk in Sdk)
        found.append(f"README.md does not say which SDK runs the app; add 'sdk:' with {allowed}.")
    for key in list(card.model_extra or ())[:MAX_GUESSES]:
        near = difflib.get_close_matches(key[:40], KEYS, n=1, cutoff=0.85)
        if near and key != "hardware":
            found.append(f"The key {values.shown(key)} is ignored; did you mean '{near[0]}'?")
    return tuple(found)


def _missing(readme: bytes) -> str:
    text = "README.md has no configuration block; begin it with a block between two '---' lines"
    if b"\nsdk:" in readme[:4096]:
        return f"{text}. It seems to hold the keys already: only the '---' lines are missing."
    return f"{text} that names at least 'sdk'."
