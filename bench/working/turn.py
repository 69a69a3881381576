"""What a crew is told, what it tells, where it finds the world; turns travel as lines of JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

CONCURRENCY = 64
"""Workflows at once, of every crew: the default of `worker.concurrency`."""

AT_ONCE = "at-once"
"""Instead of an address: calls are answered in the process itself, and no HTTP is spoken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One stretch of work."""

    batch: int
    """Names the workflows; every turn has its own."""
    seconds: float = 0.0
    """About how long: a crew takes as many workflows as it did lately, and finishes all of them."""
    most: int = 0
    """How many workflows, whatever the time; 0: as said above."""
    verb: str = "work"
    """What is done; see the kind."""
    profiled: bool = False
    """Whether the processor's time is told room by room; such a turn is never counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of a turn."""

    count: int
    seconds: float
    cpu_seconds: float = 0.0
    """Of the whole process, all threads."""
    spent: Mapping[str, float] = field(default_factory=dict)
    """Processor seconds by place, when profiled."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a crew works."""

    folder: Path
    outside_url: str
    """Of Metronome and the gateway, or `AT_ONCE`."""
    store_url: str = ""


class Crew(Protocol):
    """Does whole workflows."""

    async def work(self, turn: Turn) -> Done:
        """Do one turn; when it returns, nothing goes on."""
        ...
