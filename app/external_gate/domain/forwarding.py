"""Which of Metronome's notifications are passed on to whom. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

KEPT_HERE = "payment_gate.external_initiate"
"""Never passed on: whoever charges and releases because of it as well would do it twice."""

FORWARD_PREFIX = "forward."
"""Before the name of an endpoint, as its table in the configuration is called."""

DEFAULT_NAME = "default"
"""The name of the endpoint that stands in `[forward]` itself."""


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Which endpoints want which types."""

    types: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By the endpoint's name in the outbox; an empty list wants every type."""

    def wanted_by(self, kind: str) -> tuple[str, ...]:
        """Name the endpoints of a type; none of a lost one, which may be the one kept here."""
        if kind in ("", KEPT_HERE):
            return ()
        return tuple(name for name, types in self.types.items() if is_wanted(kind, types))


def is_wanted(kind: str, types: Sequence[str]) -> bool:
    """Tell whether a type is on a list; `invoice.*` stands for every type that begins so."""
    return not types or any(
        kind.startswith(each[:-1]) if each.endswith(".*") else kind == each for each in types
    )
