"""The configuration block of README.md on main (spaces-behaviour 2.3, 2.4)."""

from __future__ import annotations

from dataclasses import dataclass

from hooks.checks.verdict import FINE, Verdict
from hooks.incoming import Readable, entry_at, root_entries
from spaceport.card import Card, CardReading, read_card
from spaceport.push import MAIN, Push, Rejection
from spaceport.sdk import Sdk

MOST_README = 10 * 1024 * 1024


@dataclass(frozen=True)
class Front:
    """What a revision says about its Space, and whether the file that it starts is there."""

    reading: CardReading
    app_file_present: bool = True

    @property
    def card(self) -> Card | None:
        return self.reading.card


def read_front(objects: Readable, revision: str) -> Front:
    """Read README.md of a commit; without one it reads as a missing block."""
    entry = root_entries(objects, revision).get("README.md")
    if entry is None or entry.is_tree or entry.is_link or entry.is_submodule:
        return Front(CardReading(None, warnings=(_NO_README,), missing=True))
    if objects.kind_and_size(entry.oid)[1] > MOST_README:
        return Front(CardReading(None, problems=("README.md is larger than 10 MiB.",)))
    reading = read_card(objects.read(entry.oid)[1])
    card = reading.card
    # A static Space with a build command has its app file in what the build makes.
    if card is None or card.sdk is None or card.app_build_command:
        return Front(reading)
    found = entry_at(objects, revision, card.app_file_or_default)
    return Front(reading, found is not None and not found.is_tree and not found.is_submodule)


def check_front_matter(push: Push, objects: Readable) -> Verdict:
    """Refuse a main whose block is not valid; tell what is missing."""
    update = push.moved(MAIN)
    if update is None or update.deleted:
        return FINE
    front = read_front(objects, update.new)
    if front.reading.problems:
        lines = [f"  {problem}" for problem in front.reading.problems]
        text = "\n".join(
            ["The configuration block of README.md is not valid:", *lines,
             "Mend README.md, then: git commit --amend --no-edit README.md && git push"]
        )  # fmt: skip
        return Verdict((Rejection(MAIN, "README.md is not valid", text),))
    return Verdict(warnings=(*front.reading.warnings, *_app_file(front)))


def _app_file(front: Front) -> tuple[str, ...]:
    if front.app_file_present or front.card is None:
        return ()
    name = front.card.app_file_or_default
    hint = "" if front.card.sdk is Sdk.DOCKER else ", or name another file as app_file in README.md"
    return (f"There is no {name} yet, so nothing runs. Add it{hint}.",)


_NO_README = (
    "There is no README.md; add one that begins with a block between two '---' lines and names "
    "at least 'sdk'."
)
