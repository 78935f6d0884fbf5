"""From the files of a revision to a plan, one module for each SDK; nothing is done yet.

read README.md → card → the SDK's module → BuildPlan, or a Failure that tells the owner why not
"""

from __future__ import annotations

from builder.failed import BuildFailed
from builder.files import Read
from builder.plan import docker, python_app, static
from builder.plan.context import Context
from builder.plan.model import BuildPlan
from spaceport.card import Card, read_card
from spaceport.cause import Cause
from spaceport.sdk import Sdk


def plan(read: Read, context: Context) -> BuildPlan:
    """The plan of a revision. Raises `BuildFailed`; `EngineDown` when a base must be asked for."""
    card = card_of(read)
    if card.sdk is Sdk.STATIC:
        return static.plan(card, read)
    if card.sdk is Sdk.DOCKER:
        return docker.plan(card, read, context)
    return python_app.plan(card, read, context)


def card_of(read: Read) -> Card:
    """The card with an SDK. Raises `BuildFailed` with NO_CARD or BAD_CARD."""
    readme = read("README.md")
    if readme is None:
        raise BuildFailed.of(Cause.NO_CARD)
    reading = read_card(readme)
    if reading.missing:
        raise BuildFailed.of(Cause.NO_CARD)
    if reading.card is None:
        raise BuildFailed.of(Cause.BAD_CARD, problem=" ".join(reading.problems))
    if reading.card.sdk is None:
        problem = "it does not name the sdk (gradio, streamlit, docker or static)."
        raise BuildFailed.of(Cause.BAD_CARD, problem=problem)
    return reading.card
