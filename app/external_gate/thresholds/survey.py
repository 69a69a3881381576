"""Walk all customers and contracts for thresholds; a walk says how far it is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from external_gate.domain.clock import Clock
from external_gate.domain.errors import Refused, Unavailable
from external_gate.domain.identifiers import CustomerId
from external_gate.domain.workflow import Workflow
from external_gate.metronome.billing import Customer
from external_gate.metronome.contracting import (
    Contracting,
    ContractTerms,
    Gate,
    Page,
    ThresholdConfig,
)
from external_gate.thresholds.applying import Thresholds
from external_gate.thresholds.contract_books import ContractBooks, latest_failure
from external_gate.thresholds.tariff import Tariff

CUSTOMERS_AT_ONCE = 8
"""Asked about side by side; Metronome's limits are not published, and it is a guest's walk."""

TRIES = 5
"""Of one question on the walk, 1, 2, 4 and 8 seconds apart."""

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One threshold that was found."""

    customer: Customer
    contract: ContractTerms
    threshold: ThresholdConfig
    tariff: Tariff | None
    failed: Workflow | None = None
    """When it is off: the newest workflow of the contract of which `failed` was told."""


@dataclass(slots=True)
class Progress:
    """How far a walk is."""

    customers: int = 0
    contracts: int = 0
    thresholds: int = 0


@dataclass(slots=True)
class Survey:
    """One walk. `told` is called after every few customers."""

    thresholds: Thresholds
    books: ContractBooks
    told: Callable[[Progress], None] = lambda _progress: None
    progress: Progress = field(default_factory=Progress)
    _tariffs: dict[str, Tariff | None] = field(default_factory=dict)

    async def walk(
        self, *, customer_id: CustomerId | None = None, every_gate: bool = False
    ) -> AsyncIterator[Surveyed]:
        """Give the thresholds with an external gate, or with any; of one customer, or of all.

        Raises `Unavailable` when Metronome could not be asked, after several tries.
        """
        async for customers in self._customers(customer_id):
            listed = await asyncio.gather(*(self._contracts(each) for each in customers))
            for customer, contracts in zip(customers, listed, strict=True):
                self._count(contracts)
                for found in _thresholds(customer, contracts, every_gate=every_gate):
                    self.progress.thresholds += 1
                    yield await self._surveyed(*found)
            self.told(self.progress)

    def _count(self, contracts: list[ContractTerms]) -> None:
        self.progress.customers += 1
        self.progress.contracts += len(contracts)

    async def _customers(self, customer_id: CustomerId | None) -> AsyncIterator[list[Customer]]:
        contracting = self.thresholds.contracting
        if customer_id is not None:
            one = await self._patiently(lambda: contracting.customer(customer_id))
            if one is None:
                raise Refused(f"Metronome knows no customer {customer_id}")
            yield [one]
            return
        async for page in _pages(lambda following: self._customer_page(contracting, following)):
            for start in range(0, len(page.items), CUSTOMERS_AT_ONCE):
                yield list(page.items[start : start + CUSTOMERS_AT_ONCE])

    async def _customer_page(
        self, contracting: Contracting, following: str | None
    ) -> Page[Customer]:
        return await self._patiently(lambda: contracting.customers(following))

    async def _contracts(self, customer: Customer) -> list[ContractTerms]:
        async def read(following: str | None) -> Page[ContractTerms]:
            contracting = self.thresholds.contracting
            return await self._patiently(
                lambda: contracting.contracts_of(customer.customer_id, following)
            )

        return [each async for page in _pages(read) for each in page.items]

    async def _surveyed(
        self, customer: Customer, contract: ContractTerms, threshold: ThresholdConfig
    ) -> Surveyed:
        tariff = await self._tariff(contract.rate_card_id)
        failed = None
        if not threshold.is_enabled:
            ours = await self.books.workflows(contract.customer_id, contract.contract_id)
            failed = latest_failure(ours)
        return Surveyed(customer, contract, threshold, tariff, failed)

    async def _tariff(self, rate_card_id: str | None) -> Tariff | None:
        if rate_card_id is None:
            return None
        if rate_card_id not in self._tariffs:
            self._tariffs[rate_card_id] = await self._patiently(
                lambda: self.thresholds.tariff(rate_card_id)
            )
        return self._tariffs[rate_card_id]

    async def _patiently(self, ask: Callable[[], Awaitable[_Found]]) -> _Found:
        return await patiently(ask, self.thresholds.clock)


async def patiently(ask: Callable[[], Awaitable[_Found]], clock: Clock) -> _Found:
    """Ask, and ask again while Metronome is busy; raises `Unavailable` after `TRIES`."""
    for tries in range(1, TRIES):
        try:
            return await ask()
        except Unavailable:
            await clock.sleep(timedelta(seconds=2 ** (tries - 1)))
    return await ask()


async def _pages(
    read: Callable[[str | None], Awaitable[Page[_Found]]],
) -> AsyncIterator[Page[_Found]]:
    page = await read(None)
    yield page
    while page.following is not None:
        page = await read(page.following)
        yield page


def _thresholds(
    customer: Customer, contracts: list[ContractTerms], *, every_gate: bool
) -> list[tuple[Customer, ContractTerms, ThresholdConfig]]:
    return [
        (customer, contract, threshold)
        for contract in contracts
        for threshold in contract.thresholds.values()
        if every_gate or threshold.gate == Gate.EXTERNAL
    ]
