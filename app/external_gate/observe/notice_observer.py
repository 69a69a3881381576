"""Hears what gateways tell by themselves: one log line per notice, and the metrics.

It takes of the rooms above only their shape, and writes no word of a notification's bytes.
"""

import traceback
from pathlib import PurePath
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from external_gate.domain.identifiers import AttemptKey
from external_gate.domain.outcome import Outcome
from external_gate.observe import cures, events
from external_gate.observe.families import OTHER
from external_gate.observe.metrics import Metrics
from external_gate.observe.observer import OUTCOME_NAMES, Kept


class NoticeTold(Protocol):
    """What a notice said; `stores.store_records.NewNotice` is one."""

    @property
    def gateway(self) -> str:
        """Give the gateway's name."""
        ...

    @property
    def event_id(self) -> str:
        """Give the gateway's id of the event."""
        ...

    @property
    def attempt_key(self) -> AttemptKey:
        """Give the key that it names."""
        ...

    @property
    def outcome(self) -> Outcome | None:
        """Give what it claims."""
        ...


class NoticeKept(Kept, Protocol):
    """What became of a notice; `stores.store_records.NoticeTaken` is one."""

    @property
    def is_evidence(self) -> bool:
        """Tell whether it became evidence."""
        ...

    @property
    def look_asked(self) -> bool:
        """Tell whether a look is wanted because of it."""
        ...

    @property
    def meant_for(self) -> str | None:
        """Give the other gateway whose attempt it names."""
        ...


class LoggingNoticeObserver:
    """Observer of the intake of gateways' notices. Never raises, and never blocks: see `logs`."""

    def __init__(self, metrics: Metrics, logger: FilteringBoundLogger | None = None) -> None:
        self._metrics = metrics
        self._log = logger if logger is not None else events.log()

    def notice_taken(self, notice: NoticeTold, taken: NoticeKept) -> None:
        """Log a durable notice; one that fits no attempt with its cure, the first time."""
        effect = _effect(taken)
        self._metrics.gateway_notice_taken(notice.gateway, effect)
        facts = {
            "gateway": notice.gateway,
            "event_id": notice.event_id,
            "attempt_key": notice.attempt_key,
            "claim": OUTCOME_NAMES.get(type(notice.outcome), "look_again"),
            "effect": effect,
            "number": taken.number,
            "workflow_id": taken.workflow_id,
        }
        if effect == "misdirected":
            told = {**facts, "sent_through": taken.meant_for, "cure": cures.MISDIRECTED}
            self._log.error(events.GATEWAY_NOTICE_MISDIRECTED, **told)
        elif effect == "unmatched":
            self._log.warning(events.GATEWAY_NOTICE_UNMATCHED, **facts, cure=cures.UNMATCHED)
        else:
            self._log.info(events.GATEWAY_NOTICE_RECORDED, **facts)

    def notices_ignored(self, gateway: str) -> None:
        """Log a good notification that held nothing about a charge."""
        self._metrics.gateway_notice_taken(gateway, "ignored")
        self._log.debug(events.GATEWAY_NOTICE_IGNORED, gateway=gateway)

    def notices_refused(self, gateway: str | None, reason: str) -> None:
        """Log a notification that was turned away; a name that nobody configured is not written."""
        self._metrics.gateway_notices_refused(gateway or OTHER, reason)
        self._log.warning(events.GATEWAY_NOTICE_REFUSED, gateway=gateway, reason=reason)

    def adapter_failed(self, gateway: str, error: Exception) -> None:
        """Log that an adapter broke its contract: the kind of error and where, never its words.

        What an adapter puts into an exception may be the notification itself.
        """
        self._metrics.gateway_notices_refused(gateway, "adapter_failed")
        self._log.error(
            events.GATEWAY_ADAPTER_FAILED,
            gateway=gateway,
            error=type(error).__name__,
            raised_at=_place(error),
            cure=cures.ADAPTER_FAILED,
        )


def _effect(taken: NoticeKept) -> str:
    if taken.receipt == "unmatched":
        return "unmatched" if taken.meant_for is None else "misdirected"
    if taken.receipt == "duplicate":
        return "duplicate"
    return "evidence" if taken.is_evidence else "look"


def _place(error: Exception) -> str:
    """Give the file and the line that raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
