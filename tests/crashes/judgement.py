"""What a run came to, by the other sides' own books: Metronome's and the gateway's. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from external_gate.domain.workflow import ENDED, State

Json = Mapping[str, Any]  # as it came from the wire


class Harm(StrEnum):
    """What must never happen."""

    SECOND_CHARGE = "second charges"
    LOST = "acknowledged notifications lost"
    FAILED_WITH_MONEY = "failed with money taken"
    PAID_WITHOUT_MONEY = "paid without money"
    TURNED = "outcomes that turned round"
    UNTRUE_END = "ends that are not true"


@dataclass(frozen=True)
class Books:
    """Everybody's books after a run."""

    row: Json | None
    """Our own, of the one workflow."""
    metronome: Json
    """The emulator's, of the same workflow."""
    deliveries: Sequence[Json]
    charges: Sequence[Json]
    """The host's."""

    @property
    def taken(self) -> int:
        """Give how often money was taken."""
        return sum(charge["captures"] for charge in self.charges)

    @property
    def kept(self) -> int:
        """Give how often money was taken and not given back."""
        return sum(c["captures"] for c in self.charges if c["state"] != "refunded")

    @property
    def told(self) -> list[str]:
        """Give what Metronome was told and took, in order."""
        calls = self.metronome["release_calls"]
        return [c["outcome"] for c in calls if c["status"] is not None and c["status"] < 300]

    @property
    def end(self) -> str:
        """Give where our workflow is, with the reason for holding it."""
        if self.row is None:
            return "unknown here"
        reason = self.row["held_reason"]
        return f"{self.row['state']} {reason}" if reason else str(self.row["state"])


def harms(books: Books) -> list[tuple[Harm, str]]:
    """Tell every promise that the books show broken."""
    found: list[tuple[Harm, str]] = []
    if books.taken > 1:
        found.append((Harm.SECOND_CHARGE, f"money was taken {books.taken} times"))
    if books.row is None and any(d["accepted"] for d in books.deliveries):
        found.append((Harm.LOST, "a delivery was answered 200, and the workflow is unknown"))
    if "failed" in books.told and books.kept:
        found.append((Harm.FAILED_WITH_MONEY, "Metronome was told failed, the money is taken"))
    if "paid" in books.told and not books.kept:
        found.append((Harm.PAID_WITHOUT_MONEY, "Metronome was told paid, nobody has the money"))
    asked = {call["outcome"] for call in books.metronome["release_calls"]}
    if len(asked) > 1 and books.kept == books.taken:
        found.append((Harm.TURNED, f"Metronome was asked for {sorted(asked)}"))
    found += [(Harm.UNTRUE_END, why) for why in _untrue(books)]
    return found


def _untrue(books: Books) -> list[str]:
    """Tell in which ways our own end is contradicted by the others' books."""
    state = None if books.row is None else books.row["state"]
    there = books.metronome["state"]
    if state not in {*ENDED, State.HELD}:
        return [f"it neither ended nor is held: {books.end}"]
    match state:
        case State.RELEASED if there != "COMMITTED":
            return [f"released here, {there} at Metronome"]
        case State.CANCELLED if there not in {"CANCELLED", "EXPIRED"} or books.kept:
            return [f"cancelled here, {there} at Metronome, money kept: {books.kept}"]
        case State.REFUNDED if books.kept or not books.taken:
            return [f"refunded here, taken {books.taken}, kept {books.kept}"]
        case _:
            return []
