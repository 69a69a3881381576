"""Hears what is done after failed payments: the metrics, and a line per stage that was reached."""

from structlog.typing import FilteringBoundLogger

from external_gate.domain.aftermath import Aftermath, Stage
from external_gate.observe import events
from external_gate.observe.metrics import Metrics

_EVENTS = {
    Stage.CONFIRMING: events.AFTERMATH_POSTPONED,
    Stage.WAITING: events.THRESHOLD_OFF_CONFIRMED,
    Stage.ENABLING: events.THRESHOLD_ENABLE_INTENDED,
    Stage.ENABLED: events.THRESHOLD_ENABLED,
    Stage.LEFT: events.THRESHOLD_LEFT_DISABLED,
    Stage.FOLLOWED: events.THRESHOLD_FOLLOWED,
    Stage.GIVEN_UP: events.THRESHOLD_ABANDONED,
}


class LoggingAftercareObserver:
    """Observer of aftercare. Never raises, and never blocks: see `logs`."""

    def __init__(self, metrics: Metrics, logger: FilteringBoundLogger | None = None) -> None:
        self._metrics = metrics
        self._log = logger if logger is not None else events.log()
        self._is_away = False

    def aftermath_saved(self, before: Aftermath, after: Aftermath) -> None:
        """Count and log a stage that was reached; what came to nothing only for debugging."""
        self._is_away = False
        facts = {
            "workflow_id": after.workflow_id,
            "contract_id": after.facts.contract_id,
            "stage": after.stage.value,
            "tries": after.tries,
            "detail": after.detail,
        }
        if before.stage is after.stage:
            self._log.debug(events.AFTERMATH_POSTPONED, **facts)
            return
        self._metrics.aftermath_reached(after.stage)
        is_lost = after.stage is Stage.GIVEN_UP
        (self._log.warning if is_lost else self._log.info)(_EVENTS[after.stage], **facts)

    def aftercare_failed(self, error: Exception) -> None:
        """Log that nothing can be done after failed payments, once until something was saved."""
        if not self._is_away:
            self._log.warning(events.AFTERCARE_FAILED, error=type(error).__name__)
        self._is_away = True
