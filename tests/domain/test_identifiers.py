"""Keys that must come out the same for ever: a key that changes is a second charge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.domain.identifiers import (
    ATTEMPT_KEY_LENGTH,
    AttemptKey,
    WorkflowId,
    attempt_key,
    release_key,
    undo_key,
)

workflow_ids = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
numbers = st.integers(1, 10_000)

UUID = "b2c6b1a0-7d0b-4f0e-9c1d-3f1c7f4f2a11"


@pytest.mark.parametrize(
    ("workflow_id", "number", "key"),
    [
        ("wf", 1, "mpcpdmcttkgj6v2437ve"),
        ("wf", 2, "42te5dxc3tyf7jtyrpuj"),
        ("wf", 10, "jvoc3yroz77h623h4nia"),
        (UUID, 1, "timkv6onlncp7l3gfjad"),
        ("ü/1", 2, "kk4spxi2fde5dl343ezg"),
    ],
)
def test_upgrade_never_changes_the_key_of_an_attempt(
    workflow_id: str, number: int, key: str
) -> None:
    assert attempt_key(WorkflowId(workflow_id), number) == key


@pytest.mark.parametrize(
    ("purpose", "key"), [("cancel", "pxxjjnvgz5vksdksrps4"), ("refund", "xgy73xsmd435v5hvg32r")]
)
def test_upgrade_never_changes_the_key_of_a_refund(purpose: str, key: str) -> None:
    assert undo_key(AttemptKey("timkv6onlncp7l3gfjad"), purpose) == key


@given(workflow_ids, numbers)
def test_key_fits_every_gateway(workflow_id: str, number: int) -> None:
    key = attempt_key(WorkflowId(workflow_id), number)
    undo = undo_key(key, "cancel")

    assert len(key) == len(undo) == ATTEMPT_KEY_LENGTH == 20
    assert (key + undo).isascii()
    assert (key + undo).isalnum()
    # A gateway that gives references back in another case must not make a mismatch of ours.
    assert (key + undo).islower()


@given(st.lists(st.tuples(workflow_ids, numbers), unique=True, min_size=2, max_size=20))
def test_no_two_attempts_share_a_key(attempts: list[tuple[str, int]]) -> None:
    keys = {attempt_key(WorkflowId(workflow_id), number) for workflow_id, number in attempts}

    assert len(keys) == len(attempts)


@given(workflow_ids, numbers)
def test_undoing_never_reuses_the_key_of_a_charge(workflow_id: str, number: int) -> None:
    key = attempt_key(WorkflowId(workflow_id), number)

    assert len({key, undo_key(key, "cancel"), undo_key(key, "refund")}) == 3


def test_release_key_names_outcome_and_generation() -> None:
    assert release_key(WorkflowId(UUID), "paid", 2) == f"r-{UUID}-paid-2"
