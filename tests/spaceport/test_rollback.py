"""Going back to an earlier release, in the ledger: what comes back, is refused, is held."""

from __future__ import annotations

import pytest

from spaceport.artifact import Artifact, ArtifactKind
from spaceport.errors import Conflict, Invalid, NotFound, SpaceportError
from spaceport.ledger import (
    Ledger,
    builds,
    events,
    overview,
    releases,
    rollback,
    secrets,
    spaces,
    variables,
)
from spaceport.ledger.releases import Release
from spaceport.ledger.spaces import Space
from spaceport.sealing import Keyring
from spaceport.stage import Stage, Wanted
from spaceport.states import BuildState, ReleaseState

A, B, C = "a" * 40, "b" * 40, "c" * 40


def ran(ledger: Ledger, space: Space, head: str, *, live: bool = True) -> Release:
    """A push that was built, released and, with `live`, answered."""
    with ledger.write() as tx:
        spaces.move_head(tx, space.key, head, {"sdk": "static"})
        builds.move(tx, builds.queue(tx, space.key, head), BuildState.RUNNING)
        running = builds.newest(tx, space.key)
        assert running is not None
        folder = Artifact(ArtifactKind.FOLDER, folder=f"checkouts/{head}")
        builds.move(tx, running, BuildState.SUCCEEDED, artifact=folder)
        done = builds.get(tx, running.id)
        assert done is not None
        releases.retire_pending(tx, space.key)
        made = releases.create(
            tx,
            spaces.get(tx, space.key),
            done,
            card={"sdk": "static"},
            variables=variables.of(tx, space.key),
            secret_versions=secrets.versions(tx, space.key),
        )
    return answered(ledger, made) if live else made


def answered(ledger: Ledger, made: Release) -> Release:
    with ledger.write() as tx:
        for other in releases.history(tx, made.space_key):
            if other.state is ReleaseState.LIVE:
                releases.move(tx, other, ReleaseState.RETIRED)
        releases.move(tx, releases.get(tx, made.id), ReleaseState.LIVE)
        return releases.get(tx, made.id)


def back(ledger: Ledger, space: Space, number: int | None = None) -> rollback.RolledBack:
    with ledger.write() as tx:
        return rollback.roll_back(tx, space.key, number)


def test_the_old_artifact_and_variables_come_back(ledger: Ledger, space: Space) -> None:
    with ledger.write() as tx:
        variables.set_(tx, space.key, "COLOR", "red", description="of the button")
        variables.set_(tx, space.key, "GONE", "1")
    ran(ledger, space, A)
    with ledger.write() as tx:
        variables.set_(tx, space.key, "COLOR", "blue")
        variables.remove(tx, space.key, "GONE")
        variables.set_(tx, space.key, "NEW", "2")
    ran(ledger, space, B)
    made = back(ledger, space).release
    with ledger.read() as tx:
        kept = {entry.name: entry for entry in variables.listed(tx, space.key)}
        view = overview.overview(tx, space.key)
    assert {name: entry.value for name, entry in kept.items()} == {"COLOR": "red", "GONE": "1"}
    assert kept["COLOR"].description == "of the button"
    assert (made.number, made.rollback_of, made.revision) == (3, 1, A)
    assert made.artifact.folder == f"checkouts/{A}"
    assert made.variables == {"COLOR": "red", "GONE": "1"}
    assert made.settings_version == view.space.settings_version
    assert made.state is ReleaseState.PENDING
    assert view.space.held
    answered(ledger, made)
    with ledger.read() as tx:
        assert overview.overview(tx, space.key).standing.stage is Stage.RUNNING


def test_asked_twice_it_is_done_once_and_what_runs_is_refused(ledger: Ledger, space: Space) -> None:
    ran(ledger, space, A)
    ran(ledger, space, B)
    first = back(ledger, space, 1).release
    assert back(ledger, space, 1).release == first
    answered(ledger, first)
    for number in (1, 3):
        with pytest.raises(Conflict, match="runs already"):
            back(ledger, space, number)
    forward = back(ledger, space, 2).release
    assert (forward.rollback_of, forward.revision) == (2, B)
    with ledger.read() as tx:
        assert not spaces.get(tx, space.key).held  # it is what is on main


def test_without_a_number_each_step_goes_further_back(ledger: Ledger, space: Space) -> None:
    ran(ledger, space, A)
    ran(ledger, space, B)
    with ledger.write() as tx:  # a restart makes another release of the same
        spaces.restart(tx, space.key)
        newest = builds.newest(tx, space.key)
        assert newest is not None
        again = releases.create(
            tx, spaces.get(tx, space.key), newest, card={}, variables={}, secret_versions={}
        )
    answered(ledger, again)
    ran(ledger, space, C)
    assert back(ledger, space).release.rollback_of == 3
    assert back(ledger, space).release.rollback_of == 1
    with pytest.raises(NotFound, match="no earlier release"):
        back(ledger, space)


@pytest.mark.parametrize("number", [None, 1, 2, 3, 4])
def test_what_cannot_be_gone_back_to_is_refused_in_words(
    ledger: Ledger, space: Space, number: int | None
) -> None:
    if number is not None:
        first = ran(ledger, space, A)
        ran(ledger, space, B, live=False)
        ran(ledger, space, C)
        with ledger.write() as tx:
            releases.drop(tx, [first.id])
    words = {
        None: "no release yet",
        1: "not kept any more",
        2: "never answered",
        3: "runs already",
        4: "no release 4",
    }
    with ledger.read() as tx:
        before = releases.history(tx, space.key), spaces.get(tx, space.key)
    with pytest.raises(SpaceportError, match=words[number]) as refused:
        back(ledger, space, number)
    assert refused.value.hint
    with ledger.read() as tx:
        assert (releases.history(tx, space.key), spaces.get(tx, space.key)) == before


def test_files_that_are_gone_are_told_before_anything_changes(ledger: Ledger, space: Space) -> None:
    ran(ledger, space, A)
    ran(ledger, space, B)
    words = "cannot be started again: checkouts/a"
    with ledger.write() as tx, pytest.raises(Invalid, match=words) as refused:
        rollback.roll_back(tx, space.key, 1, missing=lambda one: one.artifact.folder)
    assert "Push revision aaaaaaaaaa" in refused.value.hint


def test_secrets_stay_as_they_are_and_that_is_said(
    ledger: Ledger, keyring: Keyring, space: Space
) -> None:
    with ledger.write() as tx:
        secrets.set_(tx, keyring, space.key, "CHANGED", "old")
        secrets.set_(tx, keyring, space.key, "DELETED", "old")
        variables.set_(tx, space.key, "HIDDEN", "was a variable")
    ran(ledger, space, A)
    with ledger.write() as tx:
        secrets.set_(tx, keyring, space.key, "CHANGED", "new")
        secrets.remove(tx, space.key, "DELETED")
        variables.remove(tx, space.key, "HIDDEN")
        secrets.set_(tx, keyring, space.key, "HIDDEN", "is a secret now")
        spaces.set_flavor(tx, space.key, "cpu-upgrade")
    ran(ledger, space, B)
    done = back(ledger, space)
    with ledger.read() as tx:
        assert secrets.reveal(tx, keyring, space.key) == {
            "CHANGED": "new",
            "HIDDEN": "is a secret now",
        }
        assert done.release.secret_versions == secrets.versions(tx, space.key)
    assert done.release.flavor == "cpu-upgrade"
    said = " ".join(done.notes)
    for words in ("present values", "CHANGED", "DELETED", "HIDDEN", "cpu-upgrade"):
        assert words in said


@pytest.mark.parametrize(
    ("wanted", "after"),
    [
        (Wanted.RUNNING, Wanted.RUNNING),
        (Wanted.ASLEEP, Wanted.RUNNING),
        (Wanted.PAUSED, Wanted.PAUSED),
    ],
)
def test_one_that_slept_is_woken_and_a_paused_one_stays_paused(
    ledger: Ledger, space: Space, wanted: Wanted, after: Wanted
) -> None:
    ran(ledger, space, A)
    ran(ledger, space, B)
    with ledger.write() as tx:
        spaces.want(tx, space.key, wanted)
        rollback.roll_back(tx, space.key, actor_id="who")
        assert spaces.get(tx, space.key).wanted is after
        told = events.of_space(tx, space.key, 1)[0]
    assert (told.kind.value, told.actor_id, told.detail) == ("space.wanted", "who", {"rollback": 1})


def test_a_push_or_a_factory_rebuild_lets_the_head_run_again(ledger: Ledger, space: Space) -> None:
    ran(ledger, space, A)
    ran(ledger, space, B)
    for let_go in ("push", "factory"):
        with ledger.write() as tx:
            rollback.roll_back(tx, space.key, 1)
            assert spaces.get(tx, space.key).held
            spaces.restart(tx, space.key)
            assert spaces.get(tx, space.key).held
            if let_go == "push":
                spaces.move_head(tx, space.key, C, {})
            else:
                spaces.restart(tx, space.key, factory=True)
            assert not spaces.get(tx, space.key).held


def test_what_runs_can_be_held_against_a_push_that_is_being_built(
    ledger: Ledger, space: Space
) -> None:
    ran(ledger, space, A)
    with ledger.write() as tx:
        spaces.move_head(tx, space.key, B, {})
        builds.queue(tx, space.key, B)
    made = back(ledger, space, 1).release
    assert (made.number, made.rollback_of) == (2, 1)
    with ledger.read() as tx:
        after = spaces.get(tx, space.key)
    assert (after.held, after.skipped_builds) == (True, 2)
