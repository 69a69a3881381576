"""What a job can do for many at once that have gathered in one commit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from external_gate.stores.sql_transaction import Transaction

Together = Callable[[Transaction, Sequence[Any]], Sequence[Any]]  # Any: items and results of a kind


@dataclass(frozen=True, slots=True)
class Crowd:
    """One item of many that are run with the same `together`.

    It gives a result for every item, in order. When it raises, it is undone and each item is run
    alone, so that one cannot spoil another.
    """

    together: Together
    item: object

    def alone(self, transaction: Transaction) -> Any:  # Any: as above
        """Run this item as a crowd of one."""
        (result,) = self.together(transaction, [self.item])
        return result
