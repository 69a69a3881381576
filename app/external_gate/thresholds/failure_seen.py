"""What a failed payment came to: what Metronome did, why, and who was to pay. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from external_gate.domain.aftermath import FailureKind
from external_gate.domain.charge import Payer
from external_gate.domain.evidence import Attempt
from external_gate.domain.outcome import Declined, DeclineKind, Pending
from external_gate.metronome.billing import InvoiceStatus
from external_gate.metronome.contracting import (
    ContractTerms,
    Gate,
    ThresholdConfig,
    ThresholdKind,
)

BOUGHT_BY_HAND = "manual_commit"
"""The workflow type of a commit that somebody bought by hand: no threshold stands behind it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What Metronome shows of a failed workflow's invoice and threshold."""

    invoice: InvoiceStatus | None
    """None when it knows no such invoice, or where invoices are not read."""
    terms: ContractTerms | None
    """None when it knows no such contract."""
    threshold: ThresholdConfig | None
    """None when the contract has none that this payment was for."""

    @property
    def is_off(self) -> bool:
        """Whether the threshold is there and off."""
        return self.threshold is not None and not self.threshold.is_enabled

    @property
    def is_as_announced(self) -> bool:
        """Whether Metronome did all that it says it does after `failed`."""
        is_void = self.invoice in {InvoiceStatus.VOID, None}
        return is_void and (self.threshold is None or self.is_off)

    def told(self) -> dict[str, str]:
        """Give it in words, for the history."""
        invoice = "not read" if self.invoice is None else self.invoice.value.lower()
        if self.terms is None:
            return {"invoice": invoice, "contract": "unknown"}
        if self.threshold is None:
            return {"invoice": invoice, "threshold": "none"}
        state = "on" if self.threshold.is_enabled else "off"
        return {"invoice": invoice, "threshold": f"{self.threshold.kind} {state}"}


def threshold_behind(workflow_type: str, terms: ContractTerms) -> ThresholdConfig | None:
    """Find the threshold that a workflow was for.

    `spend` is the only type of a threshold that Metronome documents; any other is taken for the
    prepaid one, where the contract has both.
    """
    external = {kind: each for kind, each in terms.thresholds.items() if each.gate == Gate.EXTERNAL}
    if workflow_type == BOUGHT_BY_HAND or not external:
        return None
    if workflow_type == ThresholdKind.SPEND:
        return external.get(ThresholdKind.SPEND)
    if len(external) == 1:
        return next(iter(external.values()))
    return external[ThresholdKind.PREPAID]


def failure_of(attempts: Sequence[Attempt]) -> FailureKind:
    """Tell why the last attempt took no money, by its latest evidence that says so."""
    if not attempts:
        return FailureKind.NO_DECLINE
    answers = [piece.answer for piece in attempts[-1].evidence]
    for answer in reversed(answers):
        if isinstance(answer, Declined):
            is_soft = answer.kind is DeclineKind.SOFT
            return FailureKind.SOFT if is_soft else FailureKind.HARD
    asked = any(isinstance(answer, Pending) and answer.needs_customer for answer in answers)
    return FailureKind.CUSTOMER_ACTION if asked else FailureKind.NO_DECLINE


def digest_of(payer: Payer | None) -> str:
    """Give what two answers of a payer source are compared by; nobody has a digest too."""
    parts = () if payer is None else (payer.customer, payer.payment_method, payer.gateway or "")
    digest = hashlib.sha256(b"external-gate/payer")
    for part in parts:
        written = part.encode()
        digest.update(len(written).to_bytes(8, "big") + written)
    return digest.hexdigest()[:32]
