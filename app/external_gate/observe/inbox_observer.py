"""Hears of what waits in the inbox and could not be recorded."""

from structlog.typing import FilteringBoundLogger

from external_gate.domain.errors import Unavailable
from external_gate.observe import cures, events


class LoggingInboxObserver:
    """Observer of the inbox. Never raises, and never blocks: see `logs`."""

    def __init__(self, logger: FilteringBoundLogger | None = None) -> None:
        self._log = logger if logger is not None else events.log()

    def inbox_failed(self, error: Exception) -> None:
        """Log that nothing could be recorded; with a traceback unless the database is away."""
        facts = {"error": type(error).__name__, "cause": error}
        if isinstance(error, Unavailable):
            self._log.warning(events.INBOX_FAILED, **facts)
        else:
            self._log.error(events.INBOX_FAILED, **facts, exc_info=error)

    def entry_failed(self, number: int, error: Exception) -> None:
        """Log an entry that stays, with its cure."""
        facts = {"number": number, "error": type(error).__name__, "cause": error}
        self._log.error(events.INBOX_ENTRY_FAILED, **facts, cure=cures.INBOX_ENTRY, exc_info=error)
