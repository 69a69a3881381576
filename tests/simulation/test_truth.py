"""The judge excuses after a restore only what nobody knows of any more."""

from collections.abc import Callable

import pytest

from external_gate.domain.money import Money
from external_gate.domain.workflow import Verdict
from tests.simulation.timeline import Timeline
from tests.simulation.truth import Fate, Place, Truth, Try

AMOUNT = Money(1500, "USD")


@pytest.fixture
def truth() -> Truth:
    return Truth(Timeline(lambda: 0.0), lambda: 0.0)


def _fate(truth: Truth, workflow_id: str = "w1") -> Fate:
    fate = truth.fates[workflow_id] = Fate(workflow_id, "i1", AMOUNT)
    fate.burnt = 1  # a reason for `failed`
    return fate


def _take(truth: Truth, fate: Fate, key: str = "k1") -> None:
    one = Try(f"c-{key}", key, fate.workflow_id, AMOUNT, left_at=0.0, place=Place.TAKEN)
    fate.tries.append(one)
    truth.money_taken(one)


def _tell(truth: Truth, verdict: Verdict) -> None:
    truth.release_sent("w1", verdict, durable=True)


def _harms(truth: Truth) -> set[str]:
    return {harm for harm, times in truth.harms.items() if times}


def _promises(truth: Truth) -> set[str]:
    return {broken.promise for broken in truth.broken}


Course = Callable[[Truth, Fate], None]


def _lost_and_forgotten(truth: Truth, fate: Fate) -> None:
    _tell(truth, Verdict.FAILED)
    truth.restored(set(), set())


def _known_to_the_copy(truth: Truth, fate: Fate) -> None:
    _tell(truth, Verdict.FAILED)
    truth.restored({("w1", Verdict.FAILED)}, set())


def _reached_metronome(truth: Truth, fate: Fate) -> None:
    _lost_and_forgotten(truth, fate)
    fate.failed_reached = True


def _under_way(truth: Truth, fate: Fate) -> None:
    _lost_and_forgotten(truth, fate)
    fate.failed_under_way = 1


def _told_by_the_new_life(truth: Truth, fate: Fate) -> None:
    truth.restored(set(), set())
    _tell(truth, Verdict.FAILED)


def _told_again_by_the_new_life(truth: Truth, fate: Fate) -> None:
    _lost_and_forgotten(truth, fate)
    _tell(truth, Verdict.FAILED)


def _never_restored(truth: Truth, fate: Fate) -> None:
    _tell(truth, Verdict.FAILED)


KNOWN = [
    _known_to_the_copy,
    _reached_metronome,
    _under_way,
    _told_by_the_new_life,
    _told_again_by_the_new_life,
    _never_restored,
]


@pytest.mark.parametrize("course", KNOWN)
def test_money_after_a_failed_that_somebody_knows_of_is_a_harm(
    truth: Truth, course: Course
) -> None:
    fate = _fate(truth)
    course(truth, fate)

    _take(truth, fate)

    assert _harms(truth) == {"`failed` with money taken"}


def test_money_after_a_failed_that_nobody_knows_of_is_excused(truth: Truth) -> None:
    fate = _fate(truth)
    _lost_and_forgotten(truth, fate)

    _take(truth, fate)

    assert not truth.broken


@pytest.mark.parametrize("course", KNOWN)
def test_paid_after_a_failed_that_somebody_knows_of_is_a_turn(truth: Truth, course: Course) -> None:
    fate = _fate(truth)
    course(truth, fate)
    fate.tries.append(Try("c1", "k1", "w1", AMOUNT, left_at=0.0, place=Place.TAKEN))

    _tell(truth, Verdict.PAID)

    assert _promises(truth) == {"P5"}


def test_paid_after_a_failed_that_nobody_knows_of_is_excused(truth: Truth) -> None:
    fate = _fate(truth)
    _lost_and_forgotten(truth, fate)
    fate.tries.append(Try("c1", "k1", "w1", AMOUNT, left_at=0.0, place=Place.TAKEN))

    _tell(truth, Verdict.PAID)

    assert not truth.broken


@pytest.mark.parametrize("known", [set(), {("w1", Verdict.PAID)}])
def test_a_person_may_turn_only_a_paid_that_the_copy_does_not_know(
    truth: Truth, known: set[tuple[str, Verdict]]
) -> None:
    fate = _fate(truth)
    fate.decisions[Verdict.PAID] += 1
    fate.decisions[Verdict.FAILED] += 1
    _tell(truth, Verdict.PAID)
    truth.restored(known, set())

    _tell(truth, Verdict.FAILED)

    assert _promises(truth) == ({"P5"} if known else set())


@pytest.mark.parametrize("keys", [set(), {"k1"}])
def test_an_invoice_is_paid_twice_unless_the_copy_does_not_know_the_first(
    truth: Truth, keys: set[str]
) -> None:
    _take(truth, _fate(truth, "w1"), "k1")
    truth.restored(set(), keys)

    _take(truth, _fate(truth, "w2"), "k2")

    assert _harms(truth) == ({"second charges"} if keys else set())


def test_an_invoice_is_paid_twice_once_its_first_charge_is_learnt_again(truth: Truth) -> None:
    _take(truth, _fate(truth, "w1"), "k1")
    truth.restored(set(), set())
    truth.learnt({"k1"})

    _take(truth, _fate(truth, "w2"), "k2")

    assert _harms(truth) == {"second charges"}
