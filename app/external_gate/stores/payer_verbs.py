"""The verbs of `PayerStore` as statements of `sql_payers`."""

from collections.abc import Mapping, Sequence
from functools import partial

from external_gate.domain.charge import Payer
from external_gate.domain.identifiers import CustomerId
from external_gate.stores import sql_payers
from external_gate.stores.sql_access import SqlAccess


class PayerVerbs(SqlAccess):
    """`PayerStore` on every database that speaks SQL."""

    async def payer(self, customer_id: CustomerId) -> Payer | None:
        """Read a customer's payer."""
        return await self._read(partial(sql_payers.read_payer, customer_id=customer_id))

    async def payers(
        self, *, limit: int, after: CustomerId | None = None
    ) -> Sequence[tuple[CustomerId, Payer]]:
        """List payers by customer id."""
        return await self._read(partial(sql_payers.list_payers, limit=limit, after=after))

    async def put_payers(self, payers: Mapping[CustomerId, Payer]) -> None:
        """Set payers, all in one transaction."""
        await self._write(partial(sql_payers.put_payers, payers=payers))

    async def remove_payer(self, customer_id: CustomerId) -> bool:
        """Remove a customer's payer."""
        return await self._write(partial(sql_payers.remove_payer, customer_id=customer_id))
