"""The quick copy must be the very one that the standard library makes."""

from dataclasses import replace
from typing import Any

import pytest

from external_gate.domain.changed import changed
from external_gate.domain.money import Money
from external_gate.domain.outcome import Succeeded
from external_gate.domain.workflow import HeldReason, State
from external_gate.testkit.store_checks.store_samples import SUCCESS, attempt, received


def test_copy_has_every_field_of_the_original() -> None:
    workflow = replace(received(), tries=7, approvals=frozenset({"ada"}), amount=Money(1, "EUR"))
    told: dict[str, Any] = {"state": State.HELD, "held_reason": HeldReason.OPERATOR}

    assert changed(workflow, **told) == replace(workflow, **told)
    assert changed(SUCCESS, number=4) == replace(SUCCESS, number=4)
    assert changed(attempt(), evidence=(SUCCESS,)) == replace(attempt(), evidence=(SUCCESS,))


def test_original_stays_as_it_was() -> None:
    workflow = received()

    changed(workflow, tries=1)

    assert workflow == received()


def test_misspelled_field_is_refused() -> None:
    with pytest.raises(TypeError, match="verdicts"):
        changed(received(), verdicts=None)


def test_record_that_checks_itself_is_not_copied_past_its_checks() -> None:
    with pytest.raises(TypeError, match="checks itself"):
        changed(Succeeded("ch_1", Money(1, "EUR"), "r").amount, minor="none")
