"""What the load generator is asked, and what it tells; both travel as lines of JSON."""

from dataclasses import dataclass, field
from typing import Literal

LATE_AFTER_SECONDS = 1.0
"""An answer that takes longer is no acknowledgement any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One piece of load on a server of this machine."""

    kind: Literal["closed", "open", "overload"]
    """`closed`: each connection sends as soon as it is answered. `open`: at `rate`, whatever the
    answers do. `overload`: open, and then at once closed, on connections of its own."""
    port: int
    batch: int
    """Names the notifications; every order has its own."""
    connections: int
    seconds: float
    rate: float = 0.0
    """Offered per second, for `open` and `overload`."""
    most: int = 0
    """Notifications after which a closed order ends early; 0 for no such end."""
    age_seconds: float = 0.0
    """How long ago the notifications were signed."""
    normal_connections: int = 0
    normal_seconds: float = 0.0
    """What comes after an overload."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What an order came to."""

    sent: int = 0
    withheld: int = 0
    """Offered, but no connection was free to send it on."""
    seconds: float = 0.0
    """In which was counted."""
    latencies_us: list[int] = field(default_factory=list)
    """Of what was answered 200 while it was counted."""
    slowest_us: int = 0
    """Of every answer, whatever its status and whenever it came."""
    late: int = 0
    """Answers, whatever their status, that took longer than `LATE_AFTER_SECONDS`."""
    statuses: dict[str, int] = field(default_factory=dict)
    """Of every answer."""
    lost: int = 0
    """Requests whose connection ended, or that nobody answered in the end."""
    unacknowledged: list[int] = field(default_factory=list)
    """Numbers of the notifications that were sent and not answered 200."""
    answered_at: list[float] = field(default_factory=list)
    """After an overload: when each 200 came, in seconds since the offer ended."""
