"""Listens to everything that is logged while an adapter is tried, and finds secrets in it."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from structlog.testing import capture_logs

from external_gate.testkit.violation import Notebook, ScenarioResult


@contextmanager
def listening(result: ScenarioResult, secrets: Sequence[str]) -> Iterator[None]:
    """Write down in `result` every secret that is logged within.

    Hears the standard library's logging from DEBUG on, and structlog.
    """
    book = Notebook(result, secrets)
    ears = _Ears()
    root = logging.getLogger()
    level = root.level
    root.addHandler(ears)
    root.setLevel(logging.DEBUG)
    try:
        with capture_logs() as events:
            yield
    finally:
        root.removeHandler(ears)
        root.setLevel(level)
    told = [*ears.heard, *(repr(event) for event in events)]
    if result.not_exercised is None:
        leaks = [text for text in told if book.holds_secret(text)]
        sentence = f"a secret was logged: {book.masked(leaks[0])[:120]}" if leaks else ""
        book.must("secrets-stay-out-of-logs", not leaks, sentence)


class _Ears(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[str] = []
        self._writer = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record as text, with its arguments, its extras and its traceback."""
        try:
            written = self._writer.format(record)
        except Exception:  # noqa: BLE001 - a log call with wrong arguments must not end the trial
            written = str(record.msg)
        self.heard.append(f"{written} {record.__dict__!r}")
