"""A frozen charge as JSON: what its attempt and its workflow do not say already, and never change.

Two ids stand in description and metadata as a rule: there `{invoice_id}` is written for them.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from external_gate.domain.charge import Charge, Payer
from external_gate.domain.identifiers import AttemptKey, WorkflowId
from external_gate.domain.money import Money
from external_gate.domain.workflow import Facts
from external_gate.stores.documents import write_json
from external_gate.stores.rows import Row

_SHARED = ("workflow_type", "customer_id", "contract_id", "invoice_id")
"""What a charge has of the facts of its workflow, which a trigger keeps as they are."""

_CUSTOMARY = {
    "description": "Invoice {invoice_id}",
    "metadata": {"invoice_id": "{invoice_id}", "workflow_id": "{workflow_id}"},
}
"""The wording of a charge that was written without one. Never edit it: older rows rest on it."""

_Words = dict[str, Any]  # Any: a description, and the texts of the metadata by name


def charge_to_json(charge: Charge, facts: Facts) -> str:
    """Write of a charge what neither the row of its attempt nor the facts of its workflow say."""
    shared = {name: getattr(charge, name) for name in _SHARED}
    told: dict[str, object] = {
        name: value for name, value in shared.items() if value != getattr(facts, name)
    }
    payer = {"customer": charge.payer.customer, "payment_method": charge.payer.payment_method}
    told["payer"] = (
        payer if charge.payer.gateway is None else payer | {"gateway": charge.payer.gateway}
    )
    ids = _ids(charge.workflow_id, charge.invoice_id)
    words = {"description": charge.description, "metadata": dict(charge.metadata)}
    wording = _each(words, lambda text: _shortened(text, ids))
    # Where it would not come back as it was, because a text has braces of its own, it stays whole.
    if _each(wording, lambda text: _whole(text, ids)) != words:
        return write_json(told | words)
    return write_json(told if wording == _CUSTOMARY else told | {"wording": wording})


def charge_from_row(row: Row, facts: Facts) -> Charge:
    """Read a charge back, from the row of its attempt and the facts of its workflow."""
    told: Mapping[str, Any] = json.loads(row["charge"])  # Any: parsed JSON
    shared = {name: told.get(name, getattr(facts, name)) for name in _SHARED}
    ids = _ids(row["workflow_id"], shared["invoice_id"])
    wording = told.get("wording", _CUSTOMARY)
    words = told if "description" in told else _each(wording, lambda text: _whole(text, ids))
    return Charge(
        attempt_key=AttemptKey(row["attempt_key"]),
        workflow_id=WorkflowId(row["workflow_id"]),
        amount=Money(row["amount_minor"], row["currency"]),
        payer=Payer(**{"gateway": None, **told["payer"]}),
        description=words["description"],
        metadata=words["metadata"],
        **shared,
    )


def _ids(workflow_id: str, invoice_id: str) -> dict[str, str]:
    named = {"{workflow_id}": workflow_id, "{invoice_id}": invoice_id}
    return {name: value for name, value in named.items() if value}


def _each(words: Mapping[str, Any], change: Callable[[str], str]) -> _Words:
    metadata = {name: change(text) for name, text in words["metadata"].items()}
    return {"description": change(words["description"]), "metadata": metadata}


def _shortened(text: str, ids: Mapping[str, str]) -> str:
    for name, value in ids.items():
        text = text.replace(value, name)
    return text


def _whole(text: str, ids: Mapping[str, str]) -> str:
    for name, value in ids.items():
        text = text.replace(name, value)
    return text
