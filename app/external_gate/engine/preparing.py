"""From `received` or `ready` to a charge that may be sent: invoice, amount, payer, gateway, guards.

Reads only; the save that ends it is the intent, in `charging`.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from external_gate.domain.charge import Charge, Payer
from external_gate.domain.errors import BadInput, Broken, Unavailable
from external_gate.domain.evidence import Attempt
from external_gate.domain.identifiers import attempt_key
from external_gate.domain.money import Converted, bare_currency, unit_of
from external_gate.domain.workflow import Facts, HeldReason
from external_gate.engine import retry
from external_gate.engine.case import Case
from external_gate.gateways.enforcement import refusal
from external_gate.metronome.billing import Invoice, InvoiceStatus
from external_gate.payers.payer_source import PayerQuestion

INVOICE_MAY_APPEAR_WITHIN = timedelta(minutes=10)
"""How long a 404 for the invoice is believed to be mere lag on Metronome's side (design §5)."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An attempt that is ready to be sent, and what became of its amount."""

    attempt: Attempt
    rounding: str


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: something outside is down; tried again on the ladder."""

    cause: str


@dataclass(frozen=True, slots=True)
class NeedsPerson:
    """Not without a person."""

    reason: HeldReason
    detail: str


async def prepare(case: Case) -> Prepared | Later | NeedsPerson:
    """Find out how much is to be charged, to whom and through which gateway."""
    open_attempt = case.attempt
    if open_attempt is not None and (open_attempt.sends or open_attempt.evidence):
        return await _prepare_again(case, open_attempt)
    return await _prepare_afresh(case)


async def _prepare_again(case: Case, attempt: Attempt) -> Prepared | Later | NeedsPerson:
    """A re-send: same key, gateway and bytes, and an invoice that is still owed."""
    gateway = case.engine.gateways.get(attempt.gateway)
    if gateway is None:
        return _no_such_gateway(case, attempt.gateway)
    invoice = await _read_invoice(case)
    if isinstance(invoice, Later | NeedsPerson):
        return invoice
    if invoice is not None and invoice.status is InvoiceStatus.VOID:
        return NeedsPerson(HeldReason.INVOICE_VOID, "the invoice was voided after the first send")
    try:
        body = gateway.build(attempt.charge)
    except BadInput as error:
        return NeedsPerson(HeldReason.REQUEST_CHANGED, str(error))
    if body != attempt.body:
        return NeedsPerson(
            HeldReason.REQUEST_CHANGED,
            "the gateway's settings or adapter changed: a re-send would not be the same bytes",
        )
    return Prepared(attempt, case.workflow.rounding)


async def _prepare_afresh(case: Case) -> Prepared | Later | NeedsPerson:
    invoice = await _read_invoice(case)
    if isinstance(invoice, Later | NeedsPerson):
        return invoice
    converted = _amount(case, invoice)
    if isinstance(converted, NeedsPerson):
        return converted
    payer = await _find_payer(case, invoice)
    if isinstance(payer, Later | NeedsPerson):
        return payer
    return _freeze(case, converted, payer)


async def _read_invoice(case: Case) -> Invoice | Later | NeedsPerson | None:
    """Read the invoice and check it against the notification; None where it is not to be read."""
    facts = case.workflow.facts
    if not case.engine.policy.verify_invoice:
        return None
    try:
        invoice = await case.engine.billing.invoice(facts.customer_id, facts.invoice_id)
    except Unavailable as error:
        return Later(f"Metronome: {error}")
    except Broken as error:
        return Later(f"Metronome refuses us: {error}")
    if invoice is None:
        return _missing(case)
    if (disagreement := _disagreement(facts, invoice)) is not None:
        return NeedsPerson(HeldReason.INVOICE_MISMATCH, disagreement)
    return invoice


def _missing(case: Case) -> Later | NeedsPerson:
    since = case.workflow.trying_since
    if since is not None and case.engine.clock.now() - since >= INVOICE_MAY_APPEAR_WITHIN:
        return NeedsPerson(HeldReason.INVOICE_MISSING, "Metronome does not know the invoice")
    return Later("Metronome does not know the invoice yet")


def _disagreement(facts: Facts, invoice: Invoice) -> str | None:
    currency = bare_currency(invoice.credit_type_name)
    compared = {
        "invoice": (facts.invoice_id, invoice.invoice_id),
        "customer": (facts.customer_id, invoice.customer_id),
        "contract": (facts.contract_id, invoice.contract_id),
        "total": (facts.total, invoice.total),
        "currency": (bare_currency(facts.currency), currency),
    }
    wrong = [
        f"{name}: the notification says {told}, the invoice {found}"
        for name, (told, found) in compared.items()
        if told != found
    ]
    return "; ".join(wrong) or None


def _amount(case: Case, invoice: Invoice | None) -> Converted | NeedsPerson:
    facts, policy = case.workflow.facts, case.engine.policy
    if facts.total is None:
        return NeedsPerson(HeldReason.MISSHAPEN, "the notification was not understood")
    if invoice is not None and invoice.status is InvoiceStatus.VOID:
        return NeedsPerson(HeldReason.INVOICE_VOID, "there is nothing to pay any more")
    if invoice is not None:
        unit = unit_of(
            credit_type_id=invoice.credit_type_id,
            name=invoice.credit_type_name,
            overrides=policy.unit_overrides,
        )
    elif policy.unverified_unit is not None:
        unit = policy.unverified_unit
    else:
        return NeedsPerson(HeldReason.AMOUNT, "metronome.unverified_unit is not set")
    try:
        converted = Converted.from_metronome(
            facts.total, currency=bare_currency(facts.currency), unit=unit
        )
    except BadInput as error:
        return NeedsPerson(HeldReason.AMOUNT, str(error))
    if converted.money.minor <= 0:
        return NeedsPerson(HeldReason.AMOUNT, f"{converted.money} cannot be charged")
    return converted


async def _find_payer(case: Case, invoice: Invoice | None) -> Payer | Later | NeedsPerson:
    facts, engine = case.workflow.facts, case.engine
    question = PayerQuestion(facts.workflow_id, facts.customer_id, facts.contract_id)
    try:
        if invoice is not None:
            question = replace(
                question,
                customer_custom_fields=invoice.customer_custom_fields,
                contract_custom_fields=invoice.contract_custom_fields,
            )
        else:
            customer = await engine.billing.customer(facts.customer_id)
            if customer is None:
                return NeedsPerson(HeldReason.UNKNOWN_CUSTOMER, "Metronome does not know them")
            question = replace(question, customer_custom_fields=customer.custom_fields)
        payer = await engine.payers.find(question)
    except Unavailable as error:
        return Later(f"payer: {error}")
    except Broken as error:
        return Later(f"payer source refuses us: {error}")
    if payer is None:
        return NeedsPerson(HeldReason.NO_PAYER, f"no payer is known for {facts.customer_id}")
    return payer


def _freeze(case: Case, converted: Converted, payer: Payer) -> Prepared | NeedsPerson:
    """Fix key, gateway, payer, money and bytes of an attempt that was never sent."""
    engine, facts = case.engine, case.workflow.facts
    name = payer.gateway or engine.policy.default_gateway
    gateway = engine.gateways.get(name)
    if gateway is None:
        return _no_such_gateway(case, name)
    number = case.attempt.number if case.attempt else len(case.dossier.attempts) + 1
    charge = Charge(
        attempt_key=attempt_key(facts.workflow_id, number),
        workflow_id=facts.workflow_id,
        workflow_type=facts.workflow_type,
        customer_id=facts.customer_id,
        contract_id=facts.contract_id,
        invoice_id=facts.invoice_id,
        amount=converted.money,
        payer=payer,
        description=f"Invoice {facts.invoice_id}",
        metadata={"workflow_id": facts.workflow_id, "invoice_id": facts.invoice_id},
    )
    if (why := refusal(gateway.capabilities, charge)) is not None:
        return NeedsPerson(HeldReason.NOT_CAPABLE, why)
    try:
        body = gateway.build(charge)
    except BadInput as error:
        return NeedsPerson(HeldReason.NOT_CAPABLE, str(error))
    created_at = case.attempt.created_at if case.attempt else engine.clock.now()
    attempt = Attempt(number, name, charge, body, created_at)
    return Prepared(attempt, str(converted.rounding))


def _no_such_gateway(case: Case, name: str) -> NeedsPerson:
    known = ", ".join(sorted(case.engine.gateways)) or "none"
    return NeedsPerson(
        HeldReason.UNKNOWN_GATEWAY, f"gateway {name!r} is not configured (known: {known})"
    )


async def put_off(case: Case, cause: str) -> None:
    """Save that preparing could not be done now: the ladder, or a person after a day."""
    draft = case.draft()
    if retry.has_given_up(draft.after.trying_since, draft.now):
        draft.hold(HeldReason.UNREACHABLE, cause)
    else:
        wait = retry.wait(draft.after.tries, case.engine.random)
        draft.set(
            tries=draft.after.tries + 1,
            trying_since=draft.after.trying_since or draft.now,
            due_at=draft.now + wait,
        )
        draft.note("put_off", cause)
    await case.save(draft, give_back=True)
