"""Good inputs to begin with: the published samples, and the answers that contracts document."""

import json
from pathlib import Path

from tests.hostile_input.canary import CANARY

METRONOME = Path(__file__).parents[1] / "samples" / "metronome"

KEY = "7nNQk2vW4xY6zB8cD0eF"
"""An attempt key; every answer that is to be believed repeats it."""


def notifications() -> list[bytes]:
    """Give what Metronome publishes of its notifications."""
    found = [json.loads(file.read_bytes()) for file in sorted(METRONOME.glob("*.json"))]
    return [json.dumps(each).encode() for each in found if "type" in each]


def vector() -> dict[str, str]:
    """Give Metronome's published example of a signature."""
    found: dict[str, str] = json.loads((METRONOME / "signature-vector.json").read_bytes())
    return found


def _json(**said: object) -> bytes:
    return json.dumps(said).encode()


CHARGE_ANSWERS = (
    _json(
        status="succeeded",
        attempt_key=KEY,
        charge_id="ch_1",
        amount={"minor": 1500, "currency": "USD"},
    ),
    _json(
        status="declined",
        attempt_key=KEY,
        charge_id="ch_2",
        decline={"kind": "soft", "code": "insufficient_funds", "message": f"no money {CANARY}"},
    ),
    _json(
        status="pending",
        attempt_key=KEY,
        charge_id="ch_3",
        action_url="https://bank.example/3ds?x=1",
        next_poll_seconds=60,
    ),
    _json(status="rejected", message=f"unknown key {CANARY} of yours"),
    _json(status="never_seen", attempt_key=KEY),
)

UNDO_ANSWERS = (
    _json(status="undone", attempt_key=KEY),
    _json(status="pending"),
    _json(status="too_late", message=f"settled yesterday, {CANARY}"),
)

INVOICE = _json(
    data={
        "id": "inv-1",
        "customer_id": "cus-1",
        "contract_id": "con-1",
        "status": "DRAFT",
        "total": 1500.25,
        "credit_type": {"id": "2714e483-4ff1-48e4-9e25-ac732e8f24f2", "name": "USD (cents)"},
        "customer_custom_fields": {"gateway_customer": "cus_1"},
        "contract_custom_fields": {"gateway_payment_method": "pm_1"},
        "line_items": [{"type": "commit_purchase", "commit_id": "com-1", "total": 1}],
    }
)

CUSTOMER = _json(data={"id": "cus-1", "name": "Ada", "custom_fields": {"a": "b"}})

CONTRACT = _json(
    data={
        "id": "con-1",
        "commits": [
            {
                "id": "com-1",
                "archived_at": None,
                "invoice_schedule": {"schedule_items": [{"invoice_id": "inv-1"}]},
            }
        ],
        "custom_fields": {},
        "spend_threshold_configuration": {"is_enabled": True, "threshold_amount": 100},
    }
)

REFUSALS = (
    _json(code="CustomerNotFound", message="no such customer"),
    _json(message=f"Workflow already in state COMMITTED, says {CANARY}"),
    _json(message="Workflow is not in COMMITTING state"),
)

PAYERS = (
    _json(customer="cus_1", payment_method="pm_1", gateway="main"),
    _json(customer="cus_1"),
    _json(status="no_payer"),
)

CSV = (
    b"customer_id,customer,payment_method,gateway\n c1 ,cus_1,pm_1,main\nc2,cus_2,,\n",
    b'\xef\xbb\xbfcustomer,customer_id\r\n"cus ""1""", "c,1"\r\n\r\ncus_2,c2\r\n',
)

ORDER = _json(
    attempt_key=KEY, workflow_id="wf-1", payment_method="pm_ok", minor=1500, currency="USD"
)

PAIR = json.dumps({"attempt_key": KEY}).encode()
