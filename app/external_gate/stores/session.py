"""One connection with its transactions, as the writer and the readers use it on every database."""

from typing import Protocol

from external_gate.stores.sql_transaction import Transaction


class Session(Protocol):
    """Used by one thread at a time. What its methods raise, `translate` turns into our errors."""

    @property
    def transaction(self) -> Transaction:
        """Give what statements are asked of; valid from `begin` to `commit` or `rollback`."""
        ...

    @property
    def stands(self) -> bool:
        """Whether the transaction that was begun is still there, also after a failed statement."""
        ...

    @property
    def faults(self) -> tuple[type[Exception], ...]:
        """Give what a database call may raise that is no error of ours yet."""
        ...

    def begin(self) -> None:
        """Begin a transaction, on a new connection when the old one broke."""
        ...

    def commit(self) -> None:
        """End the transaction durably. When this raises, nothing is known to be written."""
        ...

    def rollback(self) -> None:
        """End the transaction, however broken it is, and write nothing. Never raises."""
        ...

    def announce(self) -> None:
        """Tell other processes that something was committed; never raises, and may do nothing."""
        ...

    def close(self) -> None:
        """Let go of the connection. Repeatable; never raises."""
        ...

    def translate(self, error: Exception) -> Exception:
        """Give our error for what was raised, a new one each time; others come back as they are."""
        ...

    def is_passing(self, error: Exception) -> bool:
        """Whether the same job may succeed when it is run again at once, as after a deadlock."""
        ...
