"""Find commit purchases behind an external gate for which no workflow was ever received.

Without a workflow's id, which Metronome sends once and tells nowhere else, none can be released.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from external_gate.domain.identifiers import CustomerId, InvoiceId
from external_gate.metronome.billing import InvoiceStatus
from external_gate.metronome.contracting import Page, Purchase
from external_gate.thresholds.survey import Survey, Surveyed, patiently


class Fate(StrEnum):
    """What became of a purchase that we never heard of."""

    WAITING = "waiting"  # nothing shows that it ended: Metronome may wait for an outcome
    VOID = "void"  # over: its invoice is void, and the threshold perhaps off
    COMMITTED = "committed"  # an active commit names its invoice: somebody else released it


@dataclass(frozen=True, slots=True)
class Unreceived:
    """One such purchase."""

    where: Surveyed
    purchase: Purchase
    fate: Fate
    notification: int | None = None
    """A kept notification that names the invoice and was not understood."""


@dataclass(slots=True)
class Search:
    """One search along a walk, for purchases issued from `since` on and before `until`.

    A younger one may still be on its way: Metronome sends again for two days, at the end every
    15 minutes.
    """

    survey: Survey
    since: datetime
    until: datetime
    _received: dict[CustomerId, frozenset[InvoiceId]] = field(default_factory=dict)

    async def walk(self, *, customer_id: CustomerId | None = None) -> AsyncIterator[Unreceived]:
        """Give them contract by contract, newest first. Raises as `Survey.walk`."""
        async for where in self.survey.walk(customer_id=customer_id):
            received = await self._received_of(where.contract.customer_id)
            async for purchase in self._purchases(where):
                if purchase.invoice_id not in received:
                    yield await self._found(where, purchase)

    async def _found(self, where: Surveyed, purchase: Purchase) -> Unreceived:
        fate = _fate(where, purchase)
        misread = None
        if fate is not Fate.COMMITTED:
            misread = await self.survey.books.misread(purchase.invoice_id)
        return Unreceived(where, purchase, fate, misread)

    async def _received_of(self, customer_id: CustomerId) -> frozenset[InvoiceId]:
        if customer_id not in self._received:
            self._received[customer_id] = await self.survey.books.invoices(customer_id)
        return self._received[customer_id]

    async def _purchases(self, where: Surveyed) -> AsyncIterator[Purchase]:
        following: str | None = None
        while True:
            page = await self._page(where, following)
            for purchase in page.items:
                issued_at = purchase.issued_at
                if issued_at is not None and issued_at < self.since:
                    return  # newest first: all others are older
                is_due = issued_at is None or issued_at < self.until
                # Other commits of the contract are bought by other products.
                if is_due and where.threshold.product_id in purchase.product_ids:
                    yield purchase
            if page.following is None:
                return
            following = page.following

    async def _page(self, where: Surveyed, following: str | None) -> Page[Purchase]:
        thresholds, contract = self.survey.thresholds, where.contract
        return await patiently(
            lambda: thresholds.contracting.purchases(
                contract.customer_id, contract.contract_id, following
            ),
            thresholds.clock,
        )


def _fate(where: Surveyed, purchase: Purchase) -> Fate:
    if purchase.status is InvoiceStatus.VOID:
        return Fate.VOID
    is_paid = purchase.invoice_id in where.contract.paid_invoices
    return Fate.COMMITTED if is_paid else Fate.WAITING
