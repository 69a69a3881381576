"""The contract of a store for our own table of payers."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from external_gate.domain.charge import Payer
from external_gate.domain.identifiers import CustomerId


class PayerStore(Protocol):
    """Keeps who pays for which customer. `Store` says what all verbs promise."""

    async def payer(self, customer_id: CustomerId) -> Payer | None:
        """Read a customer's payer from our own table."""
        ...

    async def payers(
        self, *, limit: int, after: CustomerId | None = None
    ) -> Sequence[tuple[CustomerId, Payer]]:
        """List payers by customer id."""
        ...

    async def put_payers(self, payers: Mapping[CustomerId, Payer]) -> None:
        """Set payers, all in one transaction."""
        ...

    async def remove_payer(self, customer_id: CustomerId) -> bool:
        """Remove a customer's payer; false when there was none."""
        ...
