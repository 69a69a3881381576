"""The one source of randomness, and which faults a seed injects: each seed has a mix of its own."""

from collections import Counter
from random import Random

LIKELY = {
    # The network to gateways and Metronome, per call.
    "lost_request": 0.10,
    "lost_answer": 0.10,
    "late_request": 0.10,
    "duplicate_request": 0.10,
    "error_before_effect": 0.08,
    "error_after_effect": 0.08,
    "busy": 0.06,
    "hang": 0.05,
    "straggler": 0.5,
    "not_sent": 0.08,
    "adapter_raises": 0.04,
    "adapter_garbage": 0.02,
    "refused_us": 0.03,
    "unauthorized": 0.02,
    "wrong_amount": 0.02,
    # The process, per await at a boundary.
    "crash": 0.02,
    "stop_and_wake": 0.02,
    # The store, per call.
    "store_fails_before_commit": 0.03,
    "store_fails_after_commit": 0.02,
    # Metronome's and the gateway's notifications, per delivery.
    "delivery_repeated": 0.15,
    "delivery_delayed": 0.15,
    "delivery_lost": 0.10,
    "acknowledgement_lost": 0.10,
    "delivery_conflicting": 0.04,
    "delivery_garbled": 0.04,
    "delivery_forged": 0.04,
    "notice_late": 0.3,
    "notice_repeated": 0.2,
    "notice_lost": 0.2,
    "notice_is_hint": 0.3,
    "notice_forged": 0.04,
    "notice_misdirected": 0.04,
    # The truth itself, per charge.
    "changes_its_mind": 0.08,
    "reversal": 0.06,
    "void_after_charge": 0.15,
    # Once per world and occasion.
    "clock_jump": 0.5,
    "restore": 0.3,
    "store_outage": 0.3,
    "operator_act": 0.7,
    # Just while a charge is on the wire, per charge.
    "operator_at_the_wire": 0.15,
    "guard_at_the_wire": 0.03,
    "clock_at_the_wire": 0.08,
    "nap_at_the_wire": 0.1,
    "settled_wrongly": 0.1,
    "meddling": 0.15,
    "second_workflow": 0.25,
    "payer_moved": 0.3,
    "adapter_changed": 0.1,
    "guard_changed": 0.3,
    "metronome_down": 0.3,
    "metronome_expires": 0.2,
    "invoice_lags": 0.3,
}
"""How often a fault strikes where it may, before a seed has scaled it."""


class Chances:
    """Draws everything that a world leaves to chance, and counts the faults."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)  # noqa: S311 - reproducible on purpose
        self.struck: Counter[str] = Counter()
        self.rates = self._mix()

    def _mix(self) -> dict[str, float]:
        """Give every seed other faults: few strong ones find what a mix of all never does."""
        enabled = self.random.choice((0.1, 0.3, 0.5, 0.5, 0.8))
        return {
            kind: min(0.9, rate * self.random.choice((0.5, 1, 2, 4)))
            for kind, rate in LIKELY.items()
            if self.random.random() < enabled
        }

    def strikes(self, kind: str) -> bool:
        """Tell whether a fault strikes now."""
        rate = self.rates.get(kind)
        if rate is None or self.random.random() >= rate:
            return False
        self.struck[kind] += 1
        return True

    def stop(self) -> None:
        """Let no fault strike from now on."""
        self.rates = {}

    def between(self, low: float, high: float) -> float:
        """Draw evenly."""
        return self.random.uniform(low, high)

    def spread(self, low: float, high: float) -> float:
        """Draw evenly in orders of magnitude: seconds as likely as hours."""
        return float(low * (high / low) ** self.random.random())
