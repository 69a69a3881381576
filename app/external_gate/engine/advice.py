"""What happens next with a workflow, and what a person may do about a held one; in words. Pure."""

from collections.abc import Mapping, Sequence

from external_gate.domain.outcome import Succeeded
from external_gate.domain.workflow import HeldReason, State, Verdict, Workflow
from external_gate.stores.store import Dossier

_R = HeldReason

ADVICE: Mapping[HeldReason, str] = {
    _R.STALE: "the notification came too late to be acted on unasked; see whether the invoice is "
    "still open at Metronome: then retry, else settle as failed",
    _R.MISSHAPEN: "the notification was not understood; read it, charge by hand where money is "
    "owed, then settle",
    _R.CONFLICTING: "Metronome sent the same workflow with other facts; compare both notifications "
    "with the invoice, then retry to go by the facts shown here, or settle",
    _R.INVOICE_MISMATCH: "Metronome's invoice says something else than the notification; clear it "
    "up there, then retry (the invoice is read again) or settle",
    _R.INVOICE_VOID: "there is nothing to pay any more; settle as failed, with the void invoice as "
    "evidence",
    _R.INVOICE_MISSING: "Metronome does not know the invoice; see that metronome.base_url and the "
    "token belong to the right account, then retry",
    _R.INVOICE_ALREADY_PAID: "another workflow took, or may take, the money of this invoice; look "
    "at that one first, then settle this one, or retry when the other came to nothing",
    _R.AMOUNT: "this amount cannot be charged here; charge by hand where money is owed, then settle",
    _R.NO_PAYER: "nobody says whom to charge; name the payer where payers.source looks, then retry",
    _R.UNKNOWN_CUSTOMER: "Metronome does not know the customer; see that the token belongs to the "
    "right account, then retry",
    _R.UNKNOWN_GATEWAY: "the payer names a gateway that is not configured; mend the payer or add "
    "the gateway, then retry",
    _R.NOT_CAPABLE: "the gateway cannot charge this; name another one for the payer and retry, or "
    "charge by hand and settle",
    _R.GUARD: "a guard said no; mend its limit in [guards] and retry, or settle",
    _R.APPROVAL: "the amount needs a person's word: approve it, or settle as failed",
    _R.SHADOW: "shadow mode did everything but the charge; retry charges it after all",
    _R.UNREACHABLE: "nothing could be sent for a day; see with `external-gate doctor` who cannot be "
    "reached, then retry",
    _R.MISCONFIGURED: "we were refused, not the payer; mend the credentials or the keys of the "
    "gateway, then retry",
    _R.REQUEST_CHANGED: "sending again would not be the same bytes; look the charge up at the "
    "gateway by its attempt key and settle, or retry with the version and settings of before",
    _R.UNKNOWN_CHARGE: "nobody knows what became of the charge; look it up at the gateway by its "
    "attempt key, then settle by what is found there. We go on asking where the gateway can tell",
    _R.PROOF_MISMATCH: "money was taken, but not as asked for; compare with the gateway, then "
    "settle as paid, or refund",
    _R.CONTRADICTION: "the evidence says both; find out at the gateway and at Metronome what is "
    "true, then settle, or refund",
    _R.RESTORED: "the database is an older copy and may have forgotten a charge; look it up at the "
    "gateway by its attempt key: settle what is found, else retry with --accept-unknown",
    _R.RELEASE_REFUSED: "Metronome did not take the release and nothing is proven; look at the "
    "invoice there, then retry to release again, or refund what was taken",
    _R.REFUND_REFUSED: "the gateway can no longer give the money back; give it back by hand, or "
    "retry to ask once more",
    _R.OPERATOR: "a person asked for this; retry lets it go on",
}
"""What to do about each reason."""

_ON_ITS_OWN: Mapping[State, str] = {
    State.RECEIVED: "a worker reads the invoice and finds the payer",
    State.READY: "a worker sends the charge",
    State.CHARGING: "the charge is on the wire; its answer decides",
    State.UNRESOLVED: "a worker asks the gateway what became of the charge",
    State.PENDING: "a worker asks the gateway whether it has become final",
    State.PAID: "a worker tells Metronome `paid`",
    State.DECLINED: "a worker tells Metronome `failed`",
    State.HELD: "a person must decide",
    State.REFUNDING: "a worker asks the gateway to give the money back",
    State.RELEASED: "nothing: Metronome was told `paid`",
    State.CANCELLED: "nothing: Metronome was told `failed`",
    State.REFUNDED: "nothing: the money was given back",
}


def what_next(workflow: Workflow) -> str:
    """Tell in one sentence what happens next, or what a person has to do."""
    if workflow.state is State.HELD and workflow.held_reason is not None:
        return ADVICE[workflow.held_reason]
    sentence = _ON_ITS_OWN[workflow.state]
    if workflow.hold_wanted is not None and not workflow.has_ended:
        return f"{sentence}; then it is held, as was asked for"
    return sentence


def offered(dossier: Dossier) -> Sequence[str]:
    """Give the acts that make sense now, as the commands are called: `retry`, `settle paid` …

    A hint for people; what is allowed is decided by `operations` when they act.
    """
    workflow = dossier.workflow
    if workflow.has_ended:
        return ()
    if workflow.state is not State.HELD:
        return () if workflow.hold_wanted else ("hold",)
    taken = any(
        isinstance(piece.answer, Succeeded)
        for attempt in dossier.attempts
        for piece in attempt.evidence
    )
    acts = ["approve"] if workflow.held_reason is HeldReason.APPROVAL else []
    if _can_go_on(workflow, taken=taken):
        acts.append("retry")
    # Once a release may have been sent the opposite outcome is not offered.
    if workflow.verdict is not Verdict.FAILED:
        acts.append("settle paid")
    if workflow.verdict is not Verdict.PAID and not taken:
        acts.append("settle failed")
    return (*acts, "refund") if taken else tuple(acts)


def _can_go_on(workflow: Workflow, *, taken: bool) -> bool:
    if workflow.held_reason is HeldReason.APPROVAL:
        return False
    if workflow.verdict is not None or workflow.held_reason is HeldReason.REFUND_REFUSED:
        return True
    return not taken and workflow.held_reason is not HeldReason.MISSHAPEN
