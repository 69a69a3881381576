"""What a piece of work costs, in numbers that do not depend on how busy the machine is."""

import signal
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Work = Callable[[], object]

LONGEST_CPU_SECONDS = 20
"""Of one input, some ten thousand times what it takes: only what would never end gets there."""


def peak_of(work: Work) -> int:
    """Give the bytes of memory that `work` needed at once, beyond what was there before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        work()
        _, peak = tracemalloc.get_traced_memory()
        return peak - before
    finally:
        tracemalloc.stop()


def steps_of(work: Work) -> int:
    """Count the calls that `work` makes, of functions in Python and in C."""
    steps = 0

    def count(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal steps
        steps += 1

    earlier = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(earlier)
    return steps


class TooMuchWork(Exception):
    """One input kept the processor busy without end."""


@contextmanager
def bounded_cpu() -> Iterator[None]:
    """Stop work that would never end; the time that other processes take does not count.

    Catches what counting calls cannot see: one call that goes on and on, as a pattern can.
    """

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TooMuchWork(f"more than {LONGEST_CPU_SECONDS} s of the processor's time")

    earlier = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST_CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, earlier)
