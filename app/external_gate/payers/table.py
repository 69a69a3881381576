"""The payer as our own table names it; filled by `external-gate payers` and the HTTP interface."""

from collections.abc import Awaitable, Callable
from typing import Self

from external_gate.domain.charge import Payer
from external_gate.domain.identifiers import CustomerId
from external_gate.payers.payer_source import PayerQuestion, PayerSurroundings
from external_gate.settings.model import PayersSettings


class TablePayers:
    """Asks the table by Metronome customer; contracts and custom fields do not matter."""

    def __init__(self, lookup: Callable[[CustomerId], Awaitable[Payer | None]]) -> None:
        self._lookup = lookup

    @classmethod
    def from_settings(cls, _settings: PayersSettings, surroundings: PayerSurroundings) -> Self:
        """Take the table."""
        return cls(surroundings.table)

    async def find(self, question: PayerQuestion) -> Payer | None:
        """Give the row's payer; None without a row."""
        return await self._lookup(question.customer_id)
