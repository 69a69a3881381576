"""What is really true about money and words, beside what anybody believes; P1 to P6 against it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from external_gate.domain.money import Money
from external_gate.domain.workflow import Verdict
from tests.simulation.timeline import Timeline


class PromiseBroken(Exception):
    """A promise of design §2 does not hold in this world."""

    def __init__(self, promise: str, sentence: str) -> None:
        super().__init__(f"{promise}: {sentence}")
        self.promise = promise


class Harm(StrEnum):
    """What must never happen, counted by name wherever it is compared with the truth."""

    LOST = "acknowledged notifications lost"
    SECOND_CHARGE = "second charges"
    FAILED_WITH_MONEY = "`failed` with money taken"
    PAID_WITHOUT_MONEY = "`paid` without money"


class Place(StrEnum):
    """Where one try to take money is, at the gateway."""

    PROCESSING = "processing"
    DECLINED = "declined"
    PENDING = "pending"
    TAKEN = "taken"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    REVERSED = "reversed"


GIVEN_BACK = frozenset({Place.REFUNDED, Place.REVERSED})
HAD_MONEY = GIVEN_BACK | {Place.TAKEN}


@dataclass(eq=False)
class Try:
    """One try to take a payer's money, in a gateway's books."""

    charge_id: str
    key: str
    workflow_id: str
    amount: Money
    left_at: float
    """When its request left our machine."""
    place: Place = Place.PROCESSING
    soft: bool = False
    against_its_word: bool = False
    """Whether it took money although its gateway had called it declined for good."""
    needs_customer: bool = False
    visible_at: float = 0.0
    forgotten: bool = False
    """Whether its intent is in no books of ours, because an older copy was put back."""


@dataclass(eq=False)
class Fate:
    """Everything that is true about one workflow."""

    workflow_id: str
    invoice_id: str
    amount: Money
    tries: list[Try] = field(default_factory=list)
    sends: int = 0
    """Charge requests that left a machine of ours."""
    last_sent: float = float("-inf")
    under_way: int = 0
    """Charge requests that have left and not come to anything yet, but for the lost ones."""
    burnt: int = 0
    """Keys that were cancelled before they were ever used."""
    refused_by_guard: bool = False
    verdicts: list[Verdict] = field(default_factory=list)
    """What was told to Metronome, in this order, whether it arrived or not."""
    remembered: set[Verdict] = field(default_factory=set)
    """What of it our books know: all, but for what an older copy of them does not."""
    failed_at: float = float("inf")
    """When `failed` was told first."""
    failed_under_way: int = 0
    """Requests with `failed` that have left and not come to anything yet, but for the lost ones."""
    failed_reached: bool = False
    """Whether a `failed` has reached Metronome, or will for certain."""
    decisions: Counter[Verdict] = field(default_factory=Counter)
    """How many persons have decided so with evidence, or may have; then they answer for it."""
    metronome_takes_nothing: bool = False
    """Whether Metronome's side ended by itself: what is told from then on has no effect."""
    acknowledged: bool = False
    gateway_broke_its_word: bool = False

    @property
    def persons(self) -> frozenset[Verdict]:
        """Give what persons answer for."""
        return frozenset(+self.decisions)

    @property
    def failed_is_unheard(self) -> bool:
        """Whether nobody knows of a `failed` that was told: neither Metronome nor our books."""
        heard = self.failed_reached or self.failed_under_way
        return not heard and Verdict.FAILED not in self.remembered

    def leave(self) -> None:
        """Count a charge request that is under way from now on."""
        self.under_way += 1

    def took_money(self) -> list[Try]:
        """Give every try that ever took money."""
        return [one for one in self.tries if one.place in HAD_MONEY]

    def keeps_money(self) -> list[Try]:
        """Give every try whose money was not given back."""
        return [one for one in self.tries if one.place is Place.TAKEN]


class Truth:
    """Judges every effect at the moment at which it happens."""

    def __init__(self, timeline: Timeline, now: Callable[[], float]) -> None:
        self.fates: dict[str, Fate] = {}
        self.broken: list[PromiseBroken] = []
        self.was_restored = False
        """Whether an older copy of the database was ever put back."""
        self.checks: Counter[str] = Counter()
        self.harm_checks: Counter[str] = Counter()
        self.harms: Counter[str] = Counter()
        self.first_break = asyncio.Event()
        self._timeline = timeline
        self._now = now

    def breaks(self, promise: str, sentence: str) -> None:
        """Record that a promise does not hold; the world ends at its next step."""
        self._timeline.tell("PROMISE", "{} BROKEN: {}", promise, sentence)
        self.broken.append(PromiseBroken(promise, sentence))
        self.first_break.set()

    def must(self, promise: str, holds: bool, sentence: str, *, harm: Harm | None = None) -> None:
        """Count a check of a promise, and record when it does not hold and what harm that is."""
        self.checks[promise] += 1
        if harm is not None:
            self.harm_checks[harm] += 1
            self.harms[harm] += not holds
        if not holds:
            self.breaks(promise, sentence)

    def restored(self, verdicts: Iterable[tuple[str, Verdict]], keys: Container[str]) -> None:
        """Note what the older copy knows that is in use from now on: no more is excused."""
        self.was_restored = True
        known = set(verdicts)
        for fate in self.fates.values():
            fate.remembered = {v for v in Verdict if (fate.workflow_id, v) in known}
            for one in fate.tries:
                one.forgotten = one.key not in keys

    def learnt(self, keys: Container[str]) -> None:
        """Note what restored books have heard of again: that is excused no longer."""
        for fate in self.fates.values():
            for one in fate.tries:
                one.forgotten = one.forgotten and one.key not in keys

    def money_taken(self, one: Try) -> None:
        """P2 and P4: at most one success per workflow and invoice, and none after `failed`."""
        fate = self.fates[one.workflow_id]
        if fate.gateway_broke_its_word:
            return
        same_invoice = [
            other
            for known in self.fates.values()
            if known.invoice_id == fate.invoice_id and not known.gateway_broke_its_word
            for other in known.keeps_money()  # what went back has paid nothing
        ]
        once = len(fate.took_money()) <= 1
        twice = f"{fate.workflow_id} was charged twice"
        self.must("P2", once, twice, harm=Harm.SECOND_CHARGE)
        once = len(same_invoice) <= 1 or any(other.forgotten for other in same_invoice)
        twice = f"{fate.invoice_id} was paid twice"
        self.must("P2", once, twice, harm=Harm.SECOND_CHARGE)
        # A person answers for what was under way, not for what is sent after their word.
        excused = Verdict.FAILED in fate.persons and one.left_at <= fate.failed_at
        told_failed = Verdict.FAILED in fate.verdicts
        told_failed = told_failed and not (excused or fate.failed_is_unheard)
        about = f"{fate.workflow_id} was charged after `failed`"
        self.must("P4", not told_failed, about, harm=Harm.FAILED_WITH_MONEY)

    def release_sent(self, workflow_id: str, verdict: Verdict, *, durable: bool) -> None:
        """P3 to P6: what is told to Metronome is proven, decided for good, and no excuse."""
        fate = self.fates[workflow_id]
        self.must("P5", durable, f"{verdict} of {workflow_id} was sent before it was decided")
        if verdict is Verdict.PAID:
            self._paid_sent(fate)
        else:
            self._failed_sent(fate)
        fate.verdicts.append(verdict)
        fate.remembered.add(verdict)

    def _paid_sent(self, fate: Fate) -> None:
        right = any(one.amount == fate.amount for one in fate.took_money())
        by_person = Verdict.PAID in fate.persons
        about = f"`paid` of {fate.workflow_id} without its money"
        self.must("P3", right or by_person, about, harm=Harm.PAID_WITHOUT_MONEY)
        turned = Verdict.FAILED in fate.verdicts
        # Who has forgotten what was told may be told otherwise, by a person or by the gateway.
        otherwise = bool(fate.persons) or fate.gateway_broke_its_word
        # What had no effect, or never arrived, cannot be read back either.
        otherwise = otherwise or fate.metronome_takes_nothing or fate.failed_is_unheard
        forgotten = Verdict.FAILED not in fate.remembered and otherwise
        self.must("P5", not turned or forgotten, f"{fate.workflow_id} turned from failed to paid")

    def _failed_sent(self, fate: Fate) -> None:
        fate.failed_at = min(fate.failed_at, self._now())
        by_person = Verdict.FAILED in fate.persons or fate.gateway_broke_its_word
        keeps = fate.keeps_money()
        about = f"`failed` of {fate.workflow_id}, money taken"
        self.must("P4", not keeps or by_person, about, harm=Harm.FAILED_WITH_MONEY)
        # What a gateway takes against its word nobody could know of: an incident will follow.
        given_back = bool(fate.took_money()) and all(one.against_its_word for one in keeps)
        turned = Verdict.PAID in fate.verdicts
        forgotten = Verdict.PAID not in fate.remembered and bool(fate.persons)
        self.must(
            "P5",
            not turned or given_back or forgotten,
            f"{fate.workflow_id} turned from paid to failed",
        )
        refused = fate.refused_by_guard and not fate.sends
        dead = any(one.place in {Place.DECLINED, Place.CANCELLED} for one in fate.tries)
        reason = refused or dead or given_back or bool(fate.burnt) or by_person
        self.must("P6", reason, f"`failed` of {fate.workflow_id} although nobody declined")
