"""What a person would do about what is logged as a warning or worse, and the command for it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from external_gate.domain.identifiers import WorkflowId
from external_gate.domain.ledger import Deferral, IncidentKind
from external_gate.domain.workflow import HeldReason

_R, _I = HeldReason, IncidentKind


@dataclass(frozen=True, slots=True)
class Cure:
    """Advice, and where to begin."""

    advice: str
    act: str = "show {id}"
    """A subcommand of `external-gate workflows`; `show` where nobody can know beforehand."""

    def command(self, workflow_id: WorkflowId) -> str:
        """Give the command as it can be typed; the id is quoted, it comes from outside."""
        return f"external-gate workflows {self.act.format(id=shlex.quote(workflow_id))}"


_RETRY = 'retry {id} --reason "…"'

CURES: Mapping[HeldReason, Cure] = {
    _R.STALE: Cure(
        "the notification came too late to be acted on unasked; see whether the invoice is "
        "still open at Metronome: then retry, else settle as failed",
        _RETRY,
    ),
    _R.MISSHAPEN: Cure(
        "the notification was not understood; read it, charge by hand where money is "
        "owed, then settle"
    ),
    _R.CONFLICTING: Cure(
        "Metronome sent the same workflow with other facts; compare both notifications "
        "with the invoice, then retry to go by the facts shown here, or settle"
    ),
    _R.INVOICE_MISMATCH: Cure(
        "Metronome's invoice says something else than the notification; clear it "
        "up there, then retry (the invoice is read again) or settle",
        _RETRY,
    ),
    _R.INVOICE_VOID: Cure(
        "there is nothing to pay any more; settle as failed, with the void invoice as evidence",
        'settle {id} failed --evidence "…" --reason "…"',
    ),
    _R.INVOICE_MISSING: Cure(
        "Metronome does not know the invoice; see that metronome.base_url and the "
        "token belong to the right account, then retry",
        _RETRY,
    ),
    _R.INVOICE_ALREADY_PAID: Cure(
        "another workflow took, or may take, the money of this invoice; look "
        "at that one first, then settle this one, or retry when the other came to nothing"
    ),
    _R.AMOUNT: Cure(
        "this amount cannot be charged here; charge by hand what is owed, then settle",
    ),
    _R.NO_PAYER: Cure(
        "nobody says whom to charge; name the payer where payers.source looks, then retry", _RETRY
    ),
    _R.UNKNOWN_CUSTOMER: Cure(
        "Metronome does not know the customer; see that the token belongs to the "
        "right account, then retry",
        _RETRY,
    ),
    _R.UNKNOWN_GATEWAY: Cure(
        "the payer names a gateway that is not configured; mend the payer or add "
        "the gateway, then retry",
        _RETRY,
    ),
    _R.NOT_CAPABLE: Cure(
        "the gateway cannot charge this; name another one for the payer and retry, or "
        "charge by hand and settle",
        _RETRY,
    ),
    _R.GUARD: Cure("a guard said no; mend its limit in [guards] and retry, or settle", _RETRY),
    _R.APPROVAL: Cure(
        "the amount needs a person's word: approve it, or settle as failed",
        'approve {id} --reason "…"',
    ),
    _R.CAP: Cure(
        "the customer would be charged more than guards.caps allows within its time; approve it "
        "all the same, retry when the time has passed, or settle",
        'approve {id} --reason "…"',
    ),
    _R.BREAKER: Cure(
        "the payment method was declined again and again, and the payer has had no other for a "
        "day; give the payer another one and retry, which also tries the same one once more, or "
        "settle"
    ),
    _R.SHADOW: Cure(
        "shadow mode did everything but the charge; retry charges it after all", _RETRY
    ),
    _R.UNREACHABLE: Cure(
        "nothing could be sent for a day; see with external-gate doctor who cannot be "
        "reached, then retry",
        _RETRY,
    ),
    _R.MISCONFIGURED: Cure(
        "we were refused, not the payer; mend the credentials or the keys of the "
        "gateway, then retry",
        _RETRY,
    ),
    _R.REQUEST_CHANGED: Cure(
        "sending again would not be the same bytes; look the charge up at the "
        "gateway by its attempt key and settle, or retry with the version and settings of before"
    ),
    _R.UNKNOWN_CHARGE: Cure(
        "nobody knows what became of the charge; look it up at the gateway by its "
        "attempt key, then settle by what is found there. We go on asking where the gateway can "
        "tell"
    ),
    _R.PROOF_MISMATCH: Cure(
        "money was taken, but not as asked for; compare with the gateway, then "
        "settle as paid, or refund"
    ),
    _R.CONTRADICTION: Cure(
        "the evidence says both; find out at the gateway and at Metronome what is "
        "true, then settle, or refund"
    ),
    _R.RESTORED: Cure(
        "the database is an older copy and may have forgotten a charge; look it up at the "
        "gateway by its attempt key: settle what is found, else retry with --accept-unknown"
    ),
    _R.RELEASE_REFUSED: Cure(
        "Metronome did not take the release and nothing is proven; look at the "
        "invoice there, then retry to release again, or refund what was taken"
    ),
    _R.REFUND_REFUSED: Cure(
        "the gateway can no longer give the money back; give it back by hand and record that with "
        "refund --by-hand, or retry to ask once more",
        _RETRY,
    ),
    _R.OPERATOR: Cure(
        "a person asked for this; retry lets it go on, or settle it by what was found since", _RETRY
    ),
}
"""What to do about each reason for holding."""

DEFERRALS: Mapping[Deferral, str] = {
    Deferral.PAUSE: "charging is paused; it goes on when guards.paused and guards.paused_gateways "
    "no longer say so",
    Deferral.VELOCITY: "the customer had as many charges as guards.velocity allows; it goes on by "
    "itself when the oldest of them is old enough, or approve it",
    Deferral.BREAKER: "the payment method was declined again and again (guards.breaker_declines); "
    "give the payer another one and it goes on by itself, or approve it",
}
"""What to do about a workflow that a guard lets wait."""

INCIDENT_CURES: Mapping[IncidentKind, Cure] = {
    _I.CONFLICTING_NOTIFICATION: Cure(
        "Metronome sent other facts for a workflow that may have been charged already; compare "
        "both notifications with the invoice. What was sent is not changed"
    ),
    _I.PROOF_MISMATCH: Cure(
        "the gateway took another amount, currency or reference than was asked for; compare both "
        "there, and settle or refund"
    ),
    _I.CONTRADICTION: Cure(
        "the gateway has said both declined and charged; find out there what is true, then settle"
    ),
    _I.LATE_SUCCESS: Cure(
        "money was taken after Metronome may have been told `failed`; give it back at the gateway, "
        "or bill it by hand"
    ),
    _I.REVERSED: Cure(
        "money went back to the payer after Metronome may have been told `paid`; see the dispute "
        "or refund at the gateway, and collect what is owed"
    ),
    _I.SECOND_CHARGE: Cure(
        "two charges stand under one workflow; give one of them back at the gateway"
    ),
    _I.RELEASE_CONTRADICTED: Cure(
        "Metronome did the opposite of what it was told; look at the invoice and the commit there, "
        "and clear it up with them"
    ),
    _I.PAYMENT_STATUS_CONTRADICTED: Cure(
        "Metronome reports the payment otherwise than we decided; look at the invoice and the "
        "commit there. Nothing was moved: the outcome and the money stay as they are"
    ),
    _I.PENDING_OVERDUE: Cure(
        "the charge is not final at its deadline and could not be cancelled; ask the gateway. We "
        "go on waiting for its word"
    ),
    _I.REFUND_FAILED: Cure(
        "a refund that was asked for is not confirmed; look at it at the gateway, and give the "
        "money back by hand if need be"
    ),
    _I.THRESHOLD_NOT_ENABLED: Cure(
        "Metronome took three requests to switch the contract's threshold on, and it is off: look "
        "at the contract there, then use external-gate thresholds enable"
    ),
    _I.UNKNOWN_ACCEPTED: Cure(
        "a person decided while a charge was unknown; look it up at the gateway until it is known"
    ),
}
"""What to do about each kind of incident."""

UNAUTHORIZED = (
    "Metronome refuses our token for releases: set metronome.api_token to a live one of this "
    "account that may release, and start again; what is owed stays owed and is sent then. See: "
    "external-gate doctor"
)

CLOCK = (
    "a delivery was signed by Metronome, but its date is not believed: compare this machine's "
    "clock with NTP; until then deliveries are refused. See: external-gate doctor"
)

FLAWED = (
    "a delivery of Metronome's was not understood and is kept; read it with external-gate "
    "notifications show {number}, and replay it after an upgrade"
)

CONFLICTED = (
    "Metronome sent other facts for a known workflow; compare external-gate notifications show "
    "{number} with external-gate workflows show {id}"
)

OVERLOADED = (
    "more came at once than is stored within a second; Metronome delivers it again: if it lasts, "
    "add replicas or a faster disk"
)

INBOX_ENTRY = (
    "a delivery was acknowledged and cannot be recorded, so its workflow has not begun; the error "
    "says why, and it is tried again every worker.poll_seconds: report it if it does not end"
)

WEBHOOK_MISSED = (
    "a threshold was reached and Metronome's payment_gate.external_initiate did not come: see that "
    "webhooks arrive (external-gate doctor), then what is missing: external-gate workflows missing "
    "--customer {customer_id}"
)

UNMATCHED = (
    "a gateway told of a charge that our books do not know; look it up there by its key: is it of "
    "another installation, or was a backup restored here? It is kept, see: external-gate "
    "notifications list --unmatched"
)

MISDIRECTED = (
    "a gateway told of an attempt that was sent through another gateway; it is not believed. "
    "Compare the addresses and secrets of both gateways' notifications"
)

ADAPTER_FAILED = (
    "the adapter could not read a notification and did not say so as its contract asks; tell its "
    "authors. The gateway will try again, and its charges are asked for on their schedule"
)

NOTICE_DEAD = (
    "the host application did not take a notice for three days, or wants none; mend its endpoint, "
    "then send it again: external-gate notices resend {number} --endpoint {endpoint}"
)

FORWARD_DEAD = (
    "a forwarded notification was not taken for three days, or is not wanted; mend the endpoint, "
    "then send it again: external-gate forward resend {number} --endpoint {endpoint}"
)

ENDPOINT_GONE = (
    "the endpoint answered 410 Gone, so that this process sends it nothing more: delete its table "
    "from [notices] or [forward], or mend the address, and start again. What waits is kept for "
    "three days"
)
