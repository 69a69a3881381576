"""The uniqueness keys by which a repeated command changes nothing twice. Pure.

An edit's key is made of the contract, the edit and the edits that the contract had before: the same
change is sent under the same key until it is in the list, and a later one of the same kind (off and
on again) has another. A generation follows a key that was taken without an effect.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from external_gate.domain.identifiers import CustomerId
from external_gate.metronome.exact_json import write_object
from external_gate.metronome.threshold_wire import Json, whole_config
from external_gate.thresholds.planning import Plan


@dataclass(frozen=True, slots=True)
class NewContract:
    """A contract that is made together with its threshold."""

    rate_card_id: str
    name: str | None = None
    """Two contracts of a customer on one rate card need different names."""
    starting_at: datetime | None = None
    """The beginning of the present hour when it is None; thresholds need a contract that runs."""


def edit_key(
    contract_id: str,
    changes: Mapping[str, object],
    *,
    edit_ids: Iterable[str],
    generation: int = 0,
) -> str:
    """Give the key of an edit: 57 characters, of which Metronome allows 128."""
    return _key("edit", contract_id, write_object(changes), *sorted(edit_ids), generation)


def reenabling_key(workflow_id: str, number: int) -> str:
    """Give the key under which try `number` switches a threshold on after a failed workflow."""
    return _key("reenable", workflow_id, number)


def contract_key(customer_id: CustomerId, new: NewContract) -> str:
    """Give the key of a new contract; neither start nor threshold make it another contract."""
    return _key("contract", customer_id, new.rate_card_id, new.name or "")


def contract_body(new: NewContract, plan: Plan, *, now: datetime) -> Json:
    """Give what is sent to the create endpoint beside customer and key."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    body: Json = {
        "rate_card_id": new.rate_card_id,
        "starting_at": (new.starting_at or hour).strftime("%Y-%m-%dT%H:%M:%SZ"),
        plan.kind.field_name: whole_config(plan.after),
    }
    return body if new.name is None else {**body, "name": new.name}


def _key(purpose: str, *parts: str | bytes | int) -> str:
    digest = hashlib.sha256(f"external-gate/{purpose}".encode())
    for part in parts:
        written = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(written).to_bytes(8, "big") + written)
    return f"external-gate-{purpose}-{digest.hexdigest()[:38]}"
