"""Gradio and Streamlit Spaces: what is installed, and how the app is started (3.1 to 3.3)."""

from __future__ import annotations

from packaging.utils import canonicalize_name

from builder.failed import BuildFailed
from builder.files import Read
from builder.places import PYTHON
from builder.plan.app_file import require
from builder.plan.context import Context
from builder.plan.model import AppPlan, EnvironmentPlan
from builder.plan.system_packages import system_packages
from builder.requirements import Requirements, read_requirements
from config.sdks import PythonSdk
from spaceport.card import Card
from spaceport.cause import Cause
from spaceport.sdk import Sdk

REQUIREMENTS = "requirements.txt"
PRE_REQUIREMENTS = "pre-requirements.txt"


def plan(card: Card, read: Read, context: Context) -> AppPlan:
    """Raises `BuildFailed` for a missing app file, unreadable requirements or missing Python."""
    sdk = Sdk(card.sdk or Sdk.GRADIO)
    catalogue = context.catalogue.sdks[sdk]
    app_file = card.app_file_or_default
    require(app_file, read)
    trusted = context.settings.trusted_indexes
    own = read_requirements(REQUIREMENTS, read, trusted_indexes=trusted) or Requirements()
    before = read_requirements(PRE_REQUIREMENTS, read, trusted_indexes=trusted) or Requirements()
    asked = card.python_version if "python_version" in card.model_fields_set else None
    chosen = context.choose_base(asked)
    debian = system_packages(read)
    base = chosen.base
    if debian:
        base = base if base.packages else context.with_packages(base) or base
        _check_can_install(sdk, base.packages, context)
    private = (*own.private, *before.private)
    environment = EnvironmentPlan(
        base=base,
        requirements=(*_preinstalled(card, catalogue, own), *own.packages, *own.others),
        constraints=own.constraints,
        before=(*before.packages, *before.others),
        indexes=tuple(dict.fromkeys((*own.indexes, *before.indexes))),
        prerelease=own.prerelease or before.prerelease,
        system_packages=debian,
        owner=context.key if private else "",
        content=context.revision if own.local or before.local else "",
        sdk=catalogue.package if card.sdk_version else "",
    )
    return AppPlan(
        sdk=sdk,
        environment=environment,
        app_file=app_file,
        command=_command(catalogue, app_file),
        env=dict(catalogue.env),
        preload=catalogue.preload,
        notes=tuple(note for note in _notes(chosen.note, private, own, before, card) if note),
    )


def _preinstalled(card: Card, sdk: PythonSdk, own: Requirements) -> tuple[str, ...]:
    """The SDK at the card's version and its companions, for one resolution with the rest (3.1.7).

    A card without sdk_version gets the default version, unless requirements.txt asks for one.
    """
    named = own.names()
    pinned = named.get(canonicalize_name(sdk.package))
    version = card.sdk_version or (None if pinned else sdk.default_version)
    return (sdk.requirement(version), *sdk.packages)


def _command(sdk: PythonSdk, app_file: str) -> tuple[str, ...]:
    words = {"{python}": PYTHON, "{app_file}": app_file}
    return tuple(words.get(word, word) for word in sdk.command)


def _check_can_install(sdk: Sdk, has_apt: bool, context: Context) -> None:
    problem = ""
    if not has_apt:
        problem = "its base image has no apt, which packages.txt needs."
    elif not context.probe().can_build_images:
        problem = "packages.txt needs a container engine that builds images."
    if problem:
        raise BuildFailed.of(Cause.SDK_UNAVAILABLE, sdk=f"{sdk.value.title()}", problem=problem)


def _notes(
    base: str, private: tuple[str, ...], own: Requirements, before: Requirements, card: Card
) -> tuple[str, ...]:
    ignored = ", ".join((*own.ignored, *before.ignored))
    return (
        base,
        f"Installing on its own, not from what Spaces share, because {private[0]}."
        if private
        else "",
        f"Without effect here: {ignored}." if ignored else "",
        "preload_from_hub has no effect on this server." if card.preload_from_hub else "",
    )
