"""The judge of the crash sweep sees every harm in the books, and none where there is none."""

from dataclasses import replace

import pytest

from tests.crashes.judgement import Books, Harm, Json, harms


def release(outcome: str, status: int | None = 200) -> Json:
    return {"outcome": outcome, "status": status}


def charge(state: str, captures: int) -> Json:
    return {"state": state, "captures": captures}


def row(state: str, held_reason: str | None = None) -> Json:
    return {"state": state, "held_reason": held_reason}


def metronome(state: str, *calls: Json) -> Json:
    return {"state": state, "release_calls": calls}


PAID = Books(
    row=row("released"),
    metronome=metronome("COMMITTED", release("paid")),
    deliveries=[{"accepted": True}],
    charges=[charge("succeeded", 1)],
)
FAILED = Books(
    row=row("cancelled"),
    metronome=metronome("CANCELLED", release("failed")),
    deliveries=[{"accepted": True}],
    charges=[charge("declined", 0)],
)
GIVEN_BACK = Books(
    row=row("refunded"),
    metronome=metronome("EXPIRED", release("paid", 400), release("failed", 400)),
    deliveries=[{"accepted": True}],
    charges=[charge("refunded", 1)],
)
HELD = replace(PAID, row=row("held", "release_refused"), metronome=metronome("COMMITTING"))


@pytest.mark.parametrize("books", [PAID, FAILED, GIVEN_BACK, HELD])
def test_true_ends_harm_nobody(books: Books) -> None:
    assert harms(books) == []


@pytest.mark.parametrize(
    ("books", "harm"),
    [
        (replace(PAID, charges=[charge("succeeded", 2)]), Harm.SECOND_CHARGE),
        (replace(PAID, charges=[charge("succeeded", 1)] * 2), Harm.SECOND_CHARGE),
        (replace(HELD, row=None), Harm.LOST),
        (replace(FAILED, charges=[charge("succeeded", 1)]), Harm.FAILED_WITH_MONEY),
        (replace(PAID, charges=[]), Harm.PAID_WITHOUT_MONEY),
        (replace(PAID, charges=[charge("refunded", 1)]), Harm.PAID_WITHOUT_MONEY),
        (
            replace(
                PAID, metronome=metronome("COMMITTED", release("failed", None), release("paid"))
            ),
            Harm.TURNED,
        ),
        (replace(PAID, row=row("paid")), Harm.UNTRUE_END),
        (replace(PAID, row=row("cancelled")), Harm.UNTRUE_END),
        (replace(PAID, metronome=metronome("COMMITTING")), Harm.UNTRUE_END),
        (replace(GIVEN_BACK, charges=[charge("succeeded", 1)]), Harm.UNTRUE_END),
        (replace(GIVEN_BACK, charges=[]), Harm.UNTRUE_END),
    ],
)
def test_every_harm_is_seen(books: Books, harm: Harm) -> None:
    assert harm in {found for found, _ in harms(books)}


def test_a_delivery_that_was_not_accepted_may_be_unknown() -> None:
    unheard = replace(HELD, row=None, deliveries=[{"accepted": False}])

    assert Harm.LOST not in {found for found, _ in harms(unheard)}
