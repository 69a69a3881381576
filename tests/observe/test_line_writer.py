"""Whoever logs is never stopped by whoever reads the log."""

import io
import threading
from datetime import timedelta

import pytest

from external_gate.observe.line_writer import LineWriter

SOON = timedelta(milliseconds=1)


class _Stuck(io.StringIO):
    """A reader that does not read until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.reads = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.reads.wait(10)
        return super().write(text)


def test_lines_are_written_in_order() -> None:
    stream = io.StringIO()
    writer = LineWriter(lambda: stream)

    for number in range(1_000):
        writer.write(f"{number}\n")
    writer.close()

    assert stream.getvalue().split() == [str(number) for number in range(1_000)]


def test_stuck_reader_stops_nobody_and_what_is_lost_is_said() -> None:
    stream = _Stuck()
    writer = LineWriter(lambda: stream, most_lines=3)
    writer.write("first\n")
    assert stream.reached.wait(10)

    for number in range(10):
        writer.write(f"{number}\n")  # would never come back if it waited
    assert not writer.drain(SOON)
    stream.reads.set()
    writer.close()

    assert stream.getvalue().splitlines() == [
        *("first", "0", "1", "2"),
        '{"event": "log_lines_lost", "level": "error", "lines": 7}',
    ]


def test_end_does_not_wait_for_ever() -> None:
    stream = _Stuck()
    writer = LineWriter(lambda: stream)
    writer.write("never read\n")

    writer.close(SOON)
    writer.write("after the end\n")

    stream.reads.set()
    assert writer.drain()
    assert "after the end" not in stream.getvalue().splitlines()


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O operation on closed file")])
def test_reader_that_went_away_is_survived(error: Exception) -> None:
    stream = io.StringIO()
    answers: list[Exception | None] = [error, None]

    def open_stream() -> io.StringIO:
        answer = answers.pop(0)
        if answer is not None:
            raise answer
        return stream

    writer = LineWriter(open_stream)
    writer.write("lost\n")
    assert writer.drain()
    writer.write("read\n")
    writer.close()

    assert stream.getvalue().splitlines() == [
        "read",
        '{"event": "log_lines_lost", "level": "error", "lines": 1}',
    ]


def test_what_was_lost_last_is_said_at_the_end() -> None:
    stream = io.StringIO()
    writer = LineWriter(lambda: stream)

    writer.count_lost()
    writer.close()
    writer.close()

    assert '"lines": 1' in stream.getvalue()
