"""How much, and how often, within a time: the limits that guards keep per customer."""

from dataclasses import dataclass
from datetime import timedelta

from external_gate.domain.money import Money

_UNITS = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class Cap:
    """The most money that may be charged to one customer within a time."""

    amount: Money
    per: timedelta

    def __str__(self) -> str:
        """Write it as the configuration does: `5000.00 per 1d`."""
        return f"{self.amount.decimal()} per {_written(self.per)}"


@dataclass(frozen=True, slots=True)
class Velocity:
    """The most charges that may be begun for one customer within a time."""

    charges: int
    per: timedelta

    def __str__(self) -> str:
        """Write it as the configuration does: `10 per 1h`."""
        return f"{self.charges} per {_written(self.per)}"


def _written(time: timedelta) -> str:
    for unit, seconds in _UNITS:
        if time % timedelta(seconds=seconds) == timedelta(0):
            return f"{time // timedelta(seconds=seconds)}{unit}"
    return f"{time.total_seconds():g}s"
