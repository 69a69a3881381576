"""The contract of a payer source; a stranger can write one from this page alone."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from external_gate.domain.charge import Payer
from external_gate.domain.clock import Clock
from external_gate.domain.errors import BadInput
from external_gate.domain.identifiers import ContractId, CustomerId, WorkflowId
from external_gate.outbound.calls import Caller

LONGEST_TEXT = 255
"""Characters of an id at a gateway; Stripe promises no more (docs.stripe.com/upgrades)."""


@dataclass(frozen=True, slots=True)
class PayerQuestion:
    """Whom we want to charge, with what Metronome's invoice already told."""

    workflow_id: WorkflowId
    customer_id: CustomerId
    contract_id: ContractId
    customer_custom_fields: Mapping[str, str] = field(default_factory=dict)
    contract_custom_fields: Mapping[str, str] = field(default_factory=dict)

    def custom_fields(self) -> dict[str, str]:
        """Give all custom fields; where both have one of the same name, the contract's."""
        return {**self.customer_custom_fields, **self.contract_custom_fields}


class PayerSource(Protocol):
    """Knows who pays for a Metronome customer.

    A plugin is a class under the entry point group `external_gate.payers`, with a class method
    `from_settings(settings, surroundings)` that gives one of these; see `source_registry`.
    """

    async def find(self, question: PayerQuestion) -> Payer | None:
        """Give the payer; None when nobody is known (the workflow is held for a person).

        Reads only, within `settings.timeout_seconds`, and may be asked concurrently. Raises
        `Unavailable` when it cannot be asked now (tried again on the ladder) or when the answer is
        not its own, `Broken` when the source itself refuses us; nothing else, and no secret in it.
        A source that is down is never None. A record that cannot be used is None or `Unavailable`:
        make payers by `checked_payer`.
        """
        ...


@dataclass(frozen=True, slots=True)
class PayerSurroundings:
    """What the core hands to every payer source."""

    caller: Caller
    """The only way out; it never raises for what the outside does."""
    clock: Clock
    table: Callable[[CustomerId], Awaitable[Payer | None]]
    """Asks our own table of payers. Raises `Unavailable`."""


def checked_payer(*, customer: str, payment_method: str = "", gateway: str = "") -> Payer:
    """Give a payer as texts from outside name it, without the white space around them.

    Raises `BadInput`, which repeats nothing of them, when the customer is empty or a text is too
    long or not printable. An empty gateway leaves the choice to `routing.default`.
    """
    if not customer.strip():
        raise BadInput("customer is empty")
    return Payer(
        customer=_checked(customer, "customer"),
        payment_method=_checked(payment_method, "payment_method"),
        gateway=_checked(gateway, "gateway") or None,
    )


def _checked(text: str, name: str) -> str:
    trimmed = text.strip()
    if len(trimmed) > LONGEST_TEXT:
        raise BadInput(f"{name} is longer than {LONGEST_TEXT} characters")
    if not trimmed.isprintable():
        raise BadInput(f"{name} has characters that cannot be printed")
    return trimmed
