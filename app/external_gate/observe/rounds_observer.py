"""Hears of the work that is done in rounds: lost webhooks, pruning, and rounds that failed."""

from structlog.typing import FilteringBoundLogger

from external_gate.domain.errors import Unavailable
from external_gate.domain.gate_report import KeptReport
from external_gate.observe import cures, events
from external_gate.observe.metrics import Metrics


class LoggingRoundsObserver:
    """Observer of the rounds. Never raises, and never blocks: see `logs`."""

    def __init__(self, metrics: Metrics, logger: FilteringBoundLogger | None = None) -> None:
        self._metrics = metrics
        self._log = logger if logger is not None else events.log()

    def webhook_missed(self, told: KeptReport) -> None:
        """Log a threshold that nothing followed, as a warning with its cure."""
        self._metrics.webhook_missed()
        report = told.report
        self._log.warning(
            events.WEBHOOK_MISSED,
            notification=told.notification,
            customer_id=report.customer_id,
            contract_id=report.contract_id,
            reached_at=report.happened_at(told.received_at).isoformat(),
            cure=cures.WEBHOOK_MISSED.format(customer_id=report.customer_id),
        )

    def pruned(self, count: int) -> None:
        """Log how many notifications were removed."""
        self._metrics.notifications_pruned(count)
        self._log.info(events.NOTIFICATIONS_PRUNED, count=count)

    def round_failed(self, name: str, error: Exception) -> None:
        """Log a round that came to nothing; with its traceback unless something is merely away."""
        facts = {"round": name, "error": type(error).__name__}
        if isinstance(error, Unavailable):
            self._log.warning(events.ROUND_FAILED, **facts, cause=error)
        else:
            self._log.error(events.ROUND_FAILED, **facts, cause=error, exc_info=error)
