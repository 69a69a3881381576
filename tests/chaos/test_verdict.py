"""The verdict finds what it looks for."""

from typing import Any

import pytest

from tests.chaos.verdict import INITIATE, Verdict, judge
from tests.crashes.judgement import Harm

Json = dict[str, Any]


def _judged(
    *,
    charges: list[Json] | None = None,
    state: str = "released",
    there: str = "COMMITTED",
    told: tuple[str, ...] = ("paid",),
    accepted: bool = True,
    known: bool = True,
) -> Verdict:
    """Judge one workflow of 15 dollars that went well but for what is said."""
    calls = [{"outcome": outcome, "status": 200} for outcome in told]
    workflow = {
        "workflow_id": "w-1",
        "state": there,
        "invoice_total": 1500,
        "release_calls": calls,
    }
    delivery = {"workflow_id": "w-1", "type": INITIATE, "status": 200, "accepted": accepted}
    metronome = {"workflows": [workflow], "deliveries": [delivery]}
    row = {"state": state, "held_reason": None, "fence": 1}
    return judge(
        metronome, [_charge()] if charges is None else charges, {"w-1": row} if known else {}
    )


def _charge(**other: object) -> Json:
    return {
        "workflow_id": "w-1",
        "method": "pm_ok",
        "state": "succeeded",
        "minor": 1500,
        "captures": 1,
        **other,
    }


def test_everything_in_order() -> None:
    found = _judged()

    assert (found.complaints, found.charges, found.ends) == ([], 1, {"released": 1})


@pytest.mark.parametrize(
    ("wrong", "harm"),
    [
        ({"charges": [_charge(captures=2)]}, Harm.SECOND_CHARGE),
        ({"charges": [_charge(), _charge()]}, Harm.SECOND_CHARGE),
        ({"charges": []}, Harm.PAID_WITHOUT_MONEY),
        ({"known": False}, Harm.LOST),
        ({"told": ("failed",), "there": "CANCELLED"}, Harm.FAILED_WITH_MONEY),
        ({"told": ("paid", "failed")}, Harm.TURNED),
        ({"state": "unresolved"}, Harm.UNTRUE_END),
        ({"there": "COMMITTING"}, Harm.UNTRUE_END),
    ],
)
def test_harm_is_found(wrong: Json, harm: Harm) -> None:
    found = _judged(**wrong)

    assert found.harms[harm]
    assert found.complaints


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"charges": [_charge(minor=1501)]}, "1501 was charged instead of 1500"),
        ({"charges": [_charge(), _charge(workflow_id="w-2")]}, "a charge for w-2"),
        ({"accepted": False}, "never accepted"),
    ],
)
def test_oddity_is_found(wrong: Json, complaint: str) -> None:
    (said,) = _judged(**wrong).complaints

    assert complaint in said
