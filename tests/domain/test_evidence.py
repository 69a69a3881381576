"""What an attempt tells an adapter about its charge."""

from dataclasses import replace

import pytest

from external_gate.domain.evidence import Evidence
from external_gate.domain.outcome import Declined, Pending, Succeeded, Undone, Unknown
from tests.domain.conftest import PROOF, attempt, cancelled, looked, sent

DECLINED = Declined(charge_id="ch_declined")


@pytest.mark.parametrize(
    ("evidence", "charge_id"),
    [
        ((), None),
        ((sent(1, Unknown("timeout")), cancelled(Undone())), None),
        ((sent(1, Pending()),), None),
        ((sent(1, Pending("")),), None),
        ((sent(1, Pending("ch_1")), looked(Unknown("timeout"))), "ch_1"),
        ((sent(1, Pending("ch_1")), looked(Pending("ch_2"))), "ch_2"),
        ((sent(1, DECLINED),), "ch_declined"),
    ],
)
def test_id_of_the_charge_is_the_latest_that_was_told(
    evidence: tuple[Evidence, ...], charge_id: str | None
) -> None:
    assert attempt(*evidence).charge_id == charge_id


@pytest.mark.parametrize("turn", [1, -1])
def test_refund_is_not_asked_of_a_declined_repeat(turn: int) -> None:
    evidence = [sent(1, PROOF), sent(2, DECLINED)][::turn]

    assert attempt(*evidence, sends=2).charge_id == PROOF.charge_id


def test_success_without_an_id_leaves_no_id_of_something_else() -> None:
    nameless: Succeeded = replace(PROOF, charge_id="")

    assert attempt(sent(1, DECLINED), sent(2, nameless), sends=2).charge_id is None
