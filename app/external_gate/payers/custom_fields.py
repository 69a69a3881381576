"""The payer as custom fields of Metronome's contract and customer name it; the default source."""

from typing import Self

from external_gate.domain.charge import Payer
from external_gate.domain.errors import BadInput
from external_gate.payers.payer_source import PayerQuestion, PayerSurroundings, checked_payer
from external_gate.settings.model import PayersSettings


class CustomFieldsPayers:
    """Reads three custom fields, each from the contract, else from the customer.

    The payment method and the gateway may be absent. A field that is blank counts as absent.
    """

    def __init__(self, *, customer_field: str, payment_method_field: str, gateway_field: str):
        self._customer_field = customer_field
        self._payment_method_field = payment_method_field
        self._gateway_field = gateway_field

    @classmethod
    def from_settings(cls, settings: PayersSettings, _surroundings: PayerSurroundings) -> Self:
        """Take the names of the fields."""
        return cls(
            customer_field=settings.customer_field,
            payment_method_field=settings.payment_method_field,
            gateway_field=settings.gateway_field,
        )

    async def find(self, question: PayerQuestion) -> Payer | None:
        """Give the payer; None without a customer, or when a field can be no id of a gateway."""
        try:
            return checked_payer(
                customer=_field(question, self._customer_field),
                payment_method=_field(question, self._payment_method_field),
                gateway=_field(question, self._gateway_field),
            )
        except BadInput:
            return None


def _field(question: PayerQuestion, name: str) -> str:
    for fields in (question.contract_custom_fields, question.customer_custom_fields):
        text = fields.get(name, "")
        if text.strip():
            return text
    return ""
