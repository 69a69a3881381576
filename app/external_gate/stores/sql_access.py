"""How a verb of a store reaches its database, which says how it writes and reads."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from external_gate.domain.host_notice import Subscriptions
from external_gate.stores import sql_outbox
from external_gate.stores.crowd import Crowd
from external_gate.stores.sql_transaction import Transaction

Result = TypeVar("Result")
Item = TypeVar("Item")
Stage = Callable[[Transaction], Any]  # Any: each caller of `_write` knows its own result


class SqlAccess(ABC):
    """What all verbs stand on: one durable transaction, or one instant that is read."""

    _subscriptions: Subscriptions = sql_outbox.NOBODY

    @abstractmethod
    async def _write(
        self,
        stage: Callable[[Transaction], Result],
        *,
        first: Stage | None = None,
        crowd: Crowd | None = None,
    ) -> Result:
        """Run `first` and `stage` in one durable transaction and give what `stage` gave.

        A stage that raises undoes itself alone: what `first` wrote stays when `stage` fails. With
        a `crowd` it may be run at once with others of its kind instead, as long as all succeed.
        """

    async def _take_in(self, stage: Callable[[Transaction], Result]) -> Result:
        """Write what somebody outside waits for to be acknowledged."""
        return await self._write(stage)

    async def _take_in_together(
        self, together: Callable[[Transaction, Sequence[Item]], Sequence[Result]], item: Item
    ) -> Result:
        """The same, for what can be written for many at once; each is written alone if it fails."""

        @wraps(together)
        def alone(transaction: Transaction) -> Result:
            return together(transaction, [item])[0]

        return await self._take_in(alone)

    @abstractmethod
    async def _read(self, question: Callable[[Transaction], Result]) -> Result:
        """Put a question that writes nothing and sees one instant."""
