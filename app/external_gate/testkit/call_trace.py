"""What the fault proxy saw: every call with its fault and its answer, readable by a person."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from external_gate.testkit.proxy_faults import ProxyFault

HARMLESS_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LONGEST_SHOWN = 60
"""Characters of a path or a key in a trace."""


@dataclass(eq=False, slots=True)
class TracedCall:
    """One request as it came to the proxy, and what became of it."""

    number: int
    at_seconds: float
    """Since the scenario began."""
    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)
    fault: ProxyFault
    key: str
    """The value of the rig's key header; empty without one."""
    preparation: bool = False
    forwarded: int = 0
    """How often the fake got it."""
    effect_status: int | None = None
    """What the fake answered; None while it did not."""
    answer_status: int | None = None
    """What the adapter was told; None when it was told nothing."""

    @property
    def moves_money(self) -> bool:
        """Whether this call might have charged, refunded or cancelled."""
        return self.method not in HARMLESS_METHODS and not self.preparation

    def line(self, *, timed: bool = False) -> str:
        """Write it as one line."""
        when = f"{self.at_seconds:7.3f} s  " if timed else ""
        key = f"  key={_cut(self.key)}" if self.key else ""
        return f"{when}{self.number}. {self.method} {_cut(self.path)}{key}  {self._fate()}"

    def _fate(self) -> str:
        behind = {0: "not forwarded", 1: f"fake: {self.effect_status or 'no answer'}"}.get(
            self.forwarded, f"forwarded {self.forwarded} times, fake: {self.effect_status}"
        )
        told = f"adapter got {self.answer_status}" if self.answer_status else "adapter got nothing"
        fault = "" if self.fault is ProxyFault.PASS else f"[{self.fault}] "
        return f"{fault}{behind}; {told}"


def mutations(calls: Sequence[TracedCall]) -> list[TracedCall]:
    """Give the calls that might have moved money."""
    return [call for call in calls if call.moves_money]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
