"""What shows and changes thresholds, without a store and without the rest of the service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from external_gate.assembly.policies import metronome_timeouts
from external_gate.assembly.system_clock import SystemClock, elapsed_seconds
from external_gate.assembly.ways_out import make_callers, make_contracting
from external_gate.domain.clock import Clock, HighWater
from external_gate.settings import Settings
from external_gate.thresholds.applying import PATIENCE, Thresholds
from external_gate.thresholds.survey import CUSTOMERS_AT_ONCE


@asynccontextmanager
async def open_thresholds(
    settings: Settings, *, clock: Clock | None = None, patience: timedelta = PATIENCE
) -> AsyncIterator[Thresholds]:
    """Give what shows and changes thresholds; `patience` is how long a change may take to be seen.

    Opens no connection before it is asked something.
    """
    clock = clock or SystemClock()
    async with make_callers(settings).make(
        clock,
        high_water=HighWater(elapsed=elapsed_seconds),
        believes_dates=False,
        timeouts=metronome_timeouts(settings),
        max_connections=CUSTOMERS_AT_ONCE,
    ) as caller:
        contracting = make_contracting(settings, caller)
        yield Thresholds(contracting, clock, settings.metronome.units, patience)
