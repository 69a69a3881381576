"""What the author of a payer source provides to certify it: records, and whoever is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from external_gate.domain.charge import Payer
from external_gate.domain.identifiers import CustomerId
from external_gate.payers.payer_source import PayerQuestion
from external_gate.payers.source_registry import PayerSourceClass


@dataclass(frozen=True, slots=True)
class KnownPayer:
    """A question, and the payer that must be found."""

    question: PayerQuestion
    payer: Payer


@runtime_checkable
class PayerRig(Protocol):
    """A payer source with somebody to ask; this page is the whole specification.

    A fresh rig is made for every check; making one opens nothing. `start` and `stop` are called
    once each, in an event loop and a thread of the kit's own, so that a source that blocks cannot
    stop whom it asks. A rig that can do more says so by having the members of `FillsTable` or
    `GoesDown` below; what it lacks is reported as "not exercised".
    """

    @property
    def source(self) -> PayerSourceClass:
        """Give the class that the entry point names."""
        ...

    @property
    def secrets(self) -> Sequence[str]:
        """Give the secrets in `settings`: they must never show up in logs or errors."""
        ...

    @property
    def known(self) -> Sequence[KnownPayer]:
        """Give two or more customers with different payers."""
        ...

    @property
    def unknown(self) -> PayerQuestion:
        """Give a customer for whom nobody pays."""
        ...

    @property
    def broken(self) -> Sequence[PayerQuestion]:
        """Give customers whose record is there and cannot be used: no customer id, one of 300
        characters, one with a line end."""
        ...

    def settings(self, base_url: str) -> Mapping[str, object]:
        """Give the keys of `[payers]` without `source` and `timeout_seconds`.

        `base_url` is the address that `start` gave, with the kit's proxy in between; empty when it
        gave None.
        """
        ...

    async def start(self) -> str | None:
        """Start whoever is asked on a real socket (port 0) and give its address.

        None says that the source speaks no HTTP to an address: no proxy can stand in between.
        """
        ...

    async def stop(self) -> None:
        """Stop it and close every socket."""
        ...


@runtime_checkable
class FillsTable(Protocol):
    """A rig whose source asks `surroundings.table`."""

    @property
    def table(self) -> Mapping[CustomerId, Payer]:
        """Give the rows of the table."""
        ...


@runtime_checkable
class GoesDown(Protocol):
    """A rig without an address that can make whatever its source asks unreachable: a database."""

    async def go_down(self) -> None:
        """Be unreachable from now on."""
        ...
