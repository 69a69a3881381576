"""Hears what became of telling the host application: the metrics, and one line per dead notice."""

from datetime import datetime

from structlog.typing import FilteringBoundLogger

from external_gate.domain.forwarding import FORWARD_PREFIX
from external_gate.domain.host_notice import DueNotice
from external_gate.observe import cures, events
from external_gate.observe.metrics import Metrics


class LoggingCourierObserver:
    """Observer of the courier. Never raises, and never blocks: see `logs`."""

    def __init__(self, metrics: Metrics, logger: FilteringBoundLogger | None = None) -> None:
        self._metrics = metrics
        self._log = logger if logger is not None else events.log()
        self._is_away = False

    def notice_tried(self, due: DueNotice, delivery: object, next_at: datetime | None) -> None:
        """Count a try; log a dead notice as a warning with its cure, all others for debugging."""
        self._is_away = False
        cause = getattr(delivery, "cause", None)
        facts = {
            "number": due.number,
            "endpoint": due.endpoint,
            "type": due.type,
            "tries": due.tries,
        }
        if cause is None:
            self._metrics.notice_tried(due.endpoint, "delivered")
            self._log.debug(events.NOTICE_DELIVERED, **facts)
        elif next_at is not None:
            self._metrics.notice_tried(due.endpoint, "not_accepted")
            told = {**facts, "cause": cause, "next_at": next_at.isoformat()}
            self._log.debug(events.NOTICE_NOT_ACCEPTED, **told)
        else:
            self._metrics.notice_tried(due.endpoint, "dead")
            self._buried(**facts, cause=cause)

    def notice_buried(self, number: int, endpoint: str) -> None:
        """Log a notice whose endpoint is gone."""
        self._metrics.notice_tried(endpoint, "dead")
        self._buried(number=number, endpoint=endpoint, cause="nobody offers it any more")

    def endpoint_gone(self, endpoint: str) -> None:
        """Log that an endpoint wants nothing any more."""
        self._log.warning(
            events.NOTICE_ENDPOINT_CLOSED, endpoint=endpoint, cure=cures.ENDPOINT_GONE
        )

    def courier_failed(self, error: Exception) -> None:
        """Log that the outbox is away, once until something was delivered."""
        if not self._is_away:
            self._log.warning(events.COURIER_FAILED, error=type(error).__name__)
        self._is_away = True

    def _buried(self, **facts: object) -> None:
        endpoint = str(facts["endpoint"])
        is_forward = endpoint.startswith(FORWARD_PREFIX)
        advice = cures.FORWARD_DEAD if is_forward else cures.NOTICE_DEAD
        cure = advice.format(number=facts["number"], endpoint=endpoint.removeprefix(FORWARD_PREFIX))
        self._log.warning(events.NOTICE_BURIED, **facts, cure=cure)
