"""Where the processor's time goes, by room of the package: a sampling profiler of a process.

Every tick of the process' own clock charges the main thread's processor time since the last tick to
the innermost function of external-gate on its stack, libraries that it called included. Other
threads are charged as a whole: when the main thread looks, they always stand where they have just
let go of the interpreter.
"""

import signal
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

TICK_SECONDS = 0.001
LOOP = "event loop and libraries by themselves"
OUTSIDE = "bench: the pretended world outside"
PACKAGE = "external_gate"


class ProcessorTime:
    """Measures while it is entered; of the main thread only, and for one event loop."""

    def __init__(self) -> None:
        self.by_place: defaultdict[str, float] = defaultdict(float)
        """Processor seconds by `room.module.function`."""
        self._last: dict[int, float] = {}

    def __enter__(self) -> Self:
        self._note()
        self.by_place.clear()
        signal.signal(signal.SIGPROF, lambda _number, frame: self._tick(frame))
        signal.setitimer(signal.ITIMER_PROF, TICK_SECONDS, TICK_SECONDS)
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal.SIG_IGN)

    def _tick(self, frame: FrameType | None) -> None:
        self._note(frame)
        for thread in self._last:  # what this handler took is nobody's
            self._last[thread] = _cpu_seconds(thread)

    def _note(self, interrupted: FrameType | None = None) -> None:
        for thread in threading.enumerate():
            number = thread.ident
            if number is None or not thread.is_alive():
                continue
            now = _cpu_seconds(number)
            is_main = thread is threading.main_thread()
            place = place_of(interrupted) if is_main else _room_of(thread)
            self.by_place[place] += now - self._last.get(number, now)
            self._last[number] = now


def place_of(frame: FrameType | None) -> str:
    """Name the innermost place of ours on a stack."""
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if PACKAGE in path.parts:
            inside = path.parts[len(path.parts) - path.parts[::-1].index(PACKAGE) :]
            return ".".join((*inside[:-1], path.stem, frame.f_code.co_name))
        if path.stem == "answering":
            return OUTSIDE
        frame = frame.f_back
    return LOOP


def _room_of(thread: threading.Thread) -> str:
    """Name the place of a thread; all threads of the package belong to its stores."""
    name = thread.name.partition("_")[0]
    return f"stores (thread {name})" if name.startswith("store-") else f"thread {name}"


def by_room(by_place: Mapping[str, float]) -> dict[str, float]:
    """Add up by room, the largest first."""
    rooms: defaultdict[str, float] = defaultdict(float)
    for place, seconds in by_place.items():
        rooms[_room(place)] += seconds
    return dict(sorted(rooms.items(), key=lambda room: -room[1]))


def _room(place: str) -> str:
    return place if place in {LOOP, OUTSIDE} else place.partition(".")[0]


def _cpu_seconds(thread: int) -> float:
    try:
        return time.clock_gettime(time.pthread_getcpuclockid(thread))
    except OSError:  # it has just ended
        return 0.0
