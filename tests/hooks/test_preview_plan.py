"""Which previews there should be: by exact value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hooks.preview_plan import Known, Plan, Present, Rules, plan

NOW = datetime(2026, 5, 1, tzinfo=UTC)
RULES = Rules(wanted=True, most=2, rest=timedelta(minutes=15))
A, B, C = "refs/heads/a", "refs/heads/b", "refs/heads/c"


def present(ref: str, head: str = "1", *, hours: float = 0, **more: bool) -> Present:
    return Present(ref, head, **{"asleep": True, **more}, used_at=NOW - timedelta(hours=hours))  # type: ignore[arg-type]


def known(heads: dict[str, str], *previews: Present, marks: dict[str, str] | None = None) -> Known:
    return Known(heads, previews, marks or {})


def test_branches_and_pull_requests_begin_but_main_and_tags_do_not() -> None:
    refs = ("refs/heads/main", "refs/tags/v1", "refs/pr/x", "refs/convert/1", "refs/pr/7", A)
    made = plan(known(dict.fromkeys(refs, "1")), RULES, NOW)
    assert made == Plan(begin=(A, "refs/pr/7"))


def test_what_moved_moves_and_what_is_gone_ends() -> None:
    made = plan(known({A: "2", C: "1"}, present(A), present(B), marks={C: "1"}), RULES, NOW)
    assert made == Plan(end=(B,), move=(A,))
    assert not plan(known({A: "1"}, present(A)), RULES, NOW)


def test_a_mark_holds_until_the_ref_moves_or_goes() -> None:
    assert not plan(known({A: "1"}, marks={A: "1"}), RULES, NOW)
    assert plan(known({A: "2"}, marks={A: "1"}), RULES, NOW) == Plan(begin=(A,))
    assert plan(known({}, marks={A: "1"}), RULES, NOW) == Plan(forget=(A,))


def test_a_push_takes_the_place_of_what_was_unused_for_longest() -> None:
    there = (present(A, hours=1), present(B, hours=2))
    heads = {A: "1", B: "1", C: "1"}
    assert plan(known(heads, *there), RULES, NOW, pushed=[C]) == Plan(make_way=(B,), begin=(C,))
    assert plan(known(heads, *there), RULES, NOW) == Plan(mark=(C,))  # not for a sweep


def test_what_is_in_use_or_somebodys_own_makes_no_way() -> None:
    heads = {A: "1", B: "1", C: "1"}
    busy, personal = present(A, hours=1, asleep=False), present(B, hours=2, personal=True)
    assert plan(known(heads, busy, personal), RULES, NOW, pushed=[C]) == Plan(mark=(C,))
    lately = present(A, hours=0.1)
    assert plan(known(heads, lately, personal), RULES, NOW, pushed=[C]) == Plan(mark=(C,))


def test_many_branches_at_once_fill_the_room_and_no_more() -> None:
    heads = {f"refs/heads/{number:03}": "1" for number in range(100)}
    made = plan(known(heads), RULES, NOW, pushed=heads)
    assert made.begin == ("refs/heads/000", "refs/heads/001")
    assert len(made.mark) == 98


def test_of_a_push_only_its_refs_are_looked_at() -> None:
    there = (present(A), present(B))
    made = plan(known({A: "2"}, *there), RULES, NOW, pushed=[A], all_refs=False)
    assert made == Plan(move=(A,))
    made = plan(known({}, *there), RULES, NOW, pushed=[A], all_refs=False)
    assert made == Plan(end=(A,))


def test_switched_off_all_end_and_none_is_remembered() -> None:
    off = Rules(wanted=False, most=2, rest=timedelta(0))
    made = plan(known({A: "1", C: "1"}, present(A), marks={C: "1"}), off, NOW, pushed=[A])
    assert made == Plan(end=(A,), forget=(C,))
