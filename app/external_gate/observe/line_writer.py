"""Writes lines in a thread of its own, so that whoever reads them slowly stops nobody."""

import json
import sys
import threading
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import TextIO

from external_gate.observe import events

MOST_LINES = 10_000
"""Waiting to be written, some 5 MB; what comes on top is counted and dropped."""

PATIENCE = timedelta(seconds=2)
"""How long the end of the process waits for a reader that does not read."""


class LineWriter:
    """A text stream for a logging handler: `write` never blocks and never raises.

    Lines are lost when the reader is away for long, or with a `kill -9`: then the last few
    milliseconds. The history in the database loses nothing.
    """

    def __init__(
        self,
        open_stream: Callable[[], TextIO] = lambda: sys.stderr,
        *,
        most_lines: int = MOST_LINES,
    ) -> None:
        """Begin to write to whatever `open_stream` gives when a line is due."""
        self._open_stream = open_stream
        self._most_lines = most_lines
        self._lines: deque[str] = deque()
        self._changed = threading.Condition()
        self._writing = False
        self._closed = False
        self._lost = 0
        self._thread = threading.Thread(target=self._serve, name="log-writer", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Take a line; it is written soon. After `close` it is dropped."""
        with self._changed:
            if self._closed or len(self._lines) >= self._most_lines:
                self._lost += 1
            else:
                self._lines.append(text)
                self._changed.notify_all()
        return len(text)

    def flush(self) -> None:
        """Do nothing: logging calls it after every line. See `drain`."""

    def count_lost(self) -> None:
        """Count a line that could not even be made; the next ones say so."""
        with self._changed:
            self._lost += 1

    def drain(self, patience: timedelta = PATIENCE) -> bool:
        """Wait until everything is written; false when the reader does not read."""
        with self._changed:
            return self._changed.wait_for(self._is_idle, patience.total_seconds())

    def close(self, patience: timedelta = PATIENCE) -> None:
        """Write what is waiting, then end, in spite of a reader that does not read. Repeatable."""
        is_done = self.drain(patience)
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if is_done:
            self._thread.join(patience.total_seconds())

    def _is_idle(self) -> bool:
        return not self._lines and not self._writing

    def _serve(self) -> None:
        lines, lost = self._next()
        while lines:
            self._put([*lines, *_complaint(lost)], lost)
            lines, lost = self._next()
        if lost:
            self._put(_complaint(lost), lost)

    def _next(self) -> tuple[list[str], int]:
        """Wait for lines and take them all; none means that the end has come."""
        with self._changed:
            self._writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._lines or self._closed)
            taken, self._lines = list(self._lines), deque()
            lost, self._lost = self._lost, 0
            self._writing = bool(taken)
            return taken, lost

    def _put(self, lines: list[str], lost: int) -> None:
        try:
            stream = self._open_stream()
            stream.write("".join(lines))
            stream.flush()
        except (OSError, ValueError):  # nobody reads any more, or the stream is closed
            with self._changed:
                self._lost += lost + len(lines)


def _complaint(lost: int) -> list[str]:
    if not lost:
        return []
    event = {"event": events.LOG_LINES_LOST, "level": "error", "lines": lost}
    return [json.dumps(event) + "\n"]
