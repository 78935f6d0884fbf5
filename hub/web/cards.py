"""What a list shows of a Space."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from spaceport.card import Card
from spaceport.ledger.overview import Overview
from spaceport.ledger.spaces import Space, Visibility
from spaceport.names import title_of
from spaceport.stage import Stage

DEFAULT_EMOJI = "🚀"


@dataclass(frozen=True)
class Face:
    """A Space's title, emoji and colours, with what stands in for those that the card lacks."""

    title: str
    emoji: str
    color_from: str
    color_to: str
    short_description: str


def face_of(space: Space, card: Card | None) -> Face:
    """Every Space has a face, also one without a README; the same one each time."""
    card = card or Card()
    number = int(space.key[:6], 16)
    first = card.color_from or _COLORS[number % len(_COLORS)]
    second = card.color_to or _COLORS[(number // 8 + 1) % len(_COLORS)]
    return Face(
        card.title or title_of(space.id.name),
        card.emoji or DEFAULT_EMOJI,
        first,
        second,
        card.short_description or "",
    )


_COLORS = ("indigo", "blue", "green", "yellow", "red", "pink", "purple", "gray")


def card_of(space: Space) -> Card:
    """The Space's card, empty where there is none."""
    return Card.from_json(space.card or {})


@dataclass(frozen=True)
class Listed:
    """One card of the list."""

    author: str
    name: str
    face: Face
    stage: Stage
    sdk: str
    private: bool
    visibility: Visibility
    updated_at: datetime

    @property
    def path(self) -> str:
        return f"/spaces/{self.author}/{self.name}"


def listed(view: Overview) -> Listed:
    space = view.space
    return Listed(
        author=space.id.author,
        name=space.id.name,
        face=face_of(space, card_of(space)),
        stage=view.standing.stage,
        sdk=space.sdk.value,
        private=space.visibility is not Visibility.PUBLIC,
        visibility=space.visibility,
        updated_at=space.updated_at,
    )
