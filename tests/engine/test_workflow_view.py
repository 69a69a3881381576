"""A workflow as programs read it: the pinned names, exact money, nothing secret."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest

from external_gate.domain.money import Money
from external_gate.domain.outcome import (
    Answer,
    Declined,
    DeclineKind,
    Misconfigured,
    NotFound,
    NotSent,
    Pending,
    Succeeded,
    TooLate,
    Undone,
    UndoPending,
    UndoUnknown,
    Unknown,
)
from external_gate.engine.workflow_view import (
    answer_view,
    dossier_view,
    instant_view,
    workflow_view,
)
from external_gate.stores.store_records import Dossier
from external_gate.testkit.store_checks.store_samples import NOW, W1, attempt, evidence, received
from tests.engine.world import World

ANSWERS: list[tuple[Answer, dict[str, Any]]] = [
    (
        Succeeded("ch_1", Money(1500, "JPY"), "ref"),
        {"charge_id": "ch_1", "amount": {"minor": 1500, "currency": "JPY"}, "reference": "ref"},
    ),
    (
        Declined(DeclineKind.SOFT, "no_funds", "later", "ch_2"),
        {"kind": "soft", "code": "no_funds", "message": "later", "charge_id": "ch_2"},
    ),
    (
        Pending("ch_3", timedelta(seconds=5), needs_customer=True, action_url="https://pay/s3cret"),
        {"charge_id": "ch_3", "needs_customer": True},
    ),
    (Unknown("timeout"), {"cause": "timeout"}),
    (NotSent("refused"), {"cause": "refused"}),
    (Misconfigured("bad key"), {"cause": "bad key"}),
    (NotFound(conclusive=True), {"conclusive": True}),
    (Undone(), {}),
    (UndoPending(), {}),
    (TooLate("captured"), {"cause": "captured"}),
    (UndoUnknown("timeout"), {"cause": "timeout"}),
]


@pytest.mark.parametrize(("answer", "told"), ANSWERS, ids=lambda each: type(each).__name__)
def test_every_answer_has_a_word_and_what_it_brought(answer: Answer, told: dict[str, Any]) -> None:
    view = answer_view(answer)

    word = view.pop("answer")
    assert str(word).replace("_", "") == type(answer).__name__.lower()
    assert view == told
    assert json.loads(json.dumps(view)) == told


def test_no_answer_is_forgotten_here() -> None:
    assert {type(answer) for answer, _ in ANSWERS} == set(get_args(Answer))


@pytest.mark.parametrize(
    ("instant", "written"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 678_999, tzinfo=UTC), "2026-01-02T03:04:05.678Z"),
        (datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=-5))), "2026-01-02T05:00:00.000Z"),
    ],
)
def test_instants_are_utc_with_milliseconds(instant: datetime, written: str) -> None:
    assert instant_view(instant) == written


PINNED = {
    "workflow_id", "state", "held_reason", "outcome", "amount", "invoice_id", "customer_id",
    "contract_id", "attempts", "releases", "incidents", "history",
}  # fmt: skip


async def test_whole_workflow_is_json_with_the_pinned_names(world: World) -> None:
    world.gateway.script.append("lost_after")
    await world.receive()
    await world.work_through(hours=1)
    await world.receive(total="1600")
    dossier = await world.dossier()
    workflow_id = dossier.workflow.workflow_id

    view: Any = json.loads(
        json.dumps(
            dossier_view(
                dossier,
                history=await world.store.history(workflow_id),
                incidents=await world.store.incidents(workflow_id),
            )
        )
    )

    assert view.keys() >= PINNED
    assert (view["state"], view["outcome"]) == ("released", "paid")
    assert view["amount"] == {"minor": 1500, "currency": "USD"}
    words = [(piece["source"], piece["answer"]) for piece in view["attempts"][0]["evidence"]]
    assert words == [("charge", "unknown"), ("lookup", "succeeded")]
    assert [each["kind"] for each in view["incidents"]] == ["conflicting_notification"]
    assert view["history"][0]["event"] == "recorded"
    assert view["history"][0]["at"] == "2026-11-22T12:00:00.000Z"


def test_what_is_not_known_is_null() -> None:
    view = workflow_view(replace(received(), due_at=None))

    assert (view["amount"], view["outcome"], view["held_reason"], view["due_at"]) == (None,) * 4
    assert (view["invoice_total"], view["invoice_currency"]) == ("1500", "USD")


def test_neither_bytes_of_a_request_nor_addresses_of_customers_are_shown() -> None:
    pending = evidence(Pending("ch", action_url="https://pay.example/s3cret"))
    dossier = Dossier(received(W1, at=NOW), (replace(attempt(), evidence=(pending,)),))

    shown = json.dumps(dossier_view(dossier, history=(), incidents=()))

    assert "s3cret" not in shown
    assert "body" not in shown
