"""What stands in JSON columns: readable by older and newer code, and never guessed."""

from datetime import timedelta
from typing import get_args

import pytest

from external_gate.domain.errors import Broken
from external_gate.domain.outcome import Answer, Pending
from external_gate.stores.documents import answer_from_json, answer_to_json
from external_gate.testkit.store_checks.attempt_checks import ANSWERS


def test_contract_tries_every_kind_of_answer() -> None:
    assert {type(answer) for answer in ANSWERS} == set(get_args(Answer))


def test_answer_is_plain_json_with_whole_numbers() -> None:
    pending = Pending("ch_1", timedelta(seconds=1.5))

    assert answer_to_json(pending) == (
        '{"action_url":null,"answer":"Pending","charge_id":"ch_1","needs_customer":false,'
        '"next_poll":1500}'
    )


def test_fields_of_a_newer_version_are_passed_over() -> None:
    assert answer_from_json('{"answer":"Pending","charge_id":"ch_1","mood":"good"}') == Pending(
        "ch_1"
    )


@pytest.mark.parametrize("text", ['{"answer":"Refunded"}', "{}"])
def test_unknown_kind_of_answer_is_never_guessed(text: str) -> None:
    with pytest.raises(Broken, match="unknown kind"):
        answer_from_json(text)
