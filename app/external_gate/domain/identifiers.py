"""Typed ids, and the keys that are derived from them."""

import base64
import hashlib
from typing import NewType

WorkflowId = NewType("WorkflowId", str)
CustomerId = NewType("CustomerId", str)
ContractId = NewType("ContractId", str)
InvoiceId = NewType("InvoiceId", str)
AttemptKey = NewType("AttemptKey", str)
GatewayName = NewType("GatewayName", str)

ATTEMPT_KEY_LENGTH = 20
"""The shortest limit of any gateway (Authorize.net's invoice number); alphanumeric fits all."""


def attempt_key(workflow_id: WorkflowId, number: int) -> AttemptKey:
    """Derive the key of an attempt: idempotency key and reference at once.

    20 characters of base32 in lower case (100 bits), from workflow id and attempt number alone, so
    that a restored database derives the same key and can look the charge up.
    """
    digest = hashlib.sha256(f"external-gate/attempt/{workflow_id}/{number}".encode()).digest()
    return AttemptKey(base64.b32encode(digest).decode().lower()[:ATTEMPT_KEY_LENGTH])


def release_key(workflow_id: WorkflowId, outcome: str, generation: int) -> str:
    """Derive the `Idempotency-Key` of a release; a new generation follows a received 5xx."""
    return f"r-{workflow_id}-{outcome}-{generation}"


def undo_key(key: AttemptKey, purpose: str) -> str:
    """Derive the idempotency key of a cancel or refund; repeats of one undo share it."""
    digest = hashlib.sha256(f"external-gate/{purpose}/{key}".encode()).digest()
    return base64.b32encode(digest).decode().lower()[:ATTEMPT_KEY_LENGTH]
