"""What becomes of a try to take money, at once or in days; and how a gateway tells of it."""

from collections.abc import Callable
from datetime import timedelta

from external_gate.domain.charge import Idempotency
from external_gate.domain.money import Money
from external_gate.domain.outcome import Answer, Declined, DeclineKind, Pending, Succeeded
from tests.simulation.chances import Chances
from tests.simulation.gateway_kinds import GatewayKind
from tests.simulation.timeline import Timeline
from tests.simulation.truth import HAD_MONEY, Place, Truth, Try
from tests.simulation.virtual_loop import VirtualLoop

Notify = Callable[[str, Answer], None]

MARGIN_SECONDS = 1500.0
"""A gateway declares its declines final somewhat later than they really are; a clock that is ahead
by less than this does no harm then."""

NEVER_DECIDES = 0.15
TURNS_LATE = 0.35


class Fortunes:
    """Decides about the tries of one gateway, and lets them change as its kind allows."""

    def __init__(
        self,
        name: str,
        kind: GatewayKind,
        *,
        loop: VirtualLoop,
        chances: Chances,
        truth: Truth,
        timeline: Timeline,
    ) -> None:
        self.name = name
        self.kind = kind
        self.undecided = 0
        """How many things will still become true by themselves."""
        self.notify: Notify = lambda _key, _answer: None
        self.taken: Callable[[Try], None] = lambda _one: None
        """Called when money was taken."""
        self._capabilities = kind.capabilities
        self._loop = loop
        self._chances = chances
        self._truth = truth
        self._timeline = timeline

    def decide(self, one: Try) -> Place:
        """Let a try come to something, and give what."""
        lag = self._capabilities.visibility_lag.total_seconds()
        one.visible_at = self._loop.time() + self._chances.between(0, lag)
        draw = self._chances.random.random()
        if self.kind.asynchronous and draw < 0.45:
            self._suspend(one)
        elif draw < 0.75:
            self._take(one)
        else:
            self._decline(one, soft=draw < 0.9)
        return one.place

    def _suspend(self, one: Try) -> None:
        one.place = Place.PENDING
        one.needs_customer = self.kind.asks_customers and self._chances.random.random() < 0.2
        self._timeline.tell(self.name, "{} of {} is pending", one.charge_id, one.key)
        if self.kind.may_never_decide and self._chances.random.random() < NEVER_DECIDES:
            return
        settles = self._capabilities.settles_at_most.total_seconds()
        self.eventually(self._chances.between(0, settles), self._settle, one)

    def _settle(self, one: Try) -> None:
        if one.place is not Place.PENDING:
            return
        if self._chances.random.random() < 0.6:
            self._take(one)
        else:
            self._decline(one, soft=self._chances.random.random() < 0.5)
        self.notify(one.key, self.tell(one))

    def _take(self, one: Try) -> None:
        if self._chances.strikes("wrong_amount"):
            one.amount = Money(one.amount.minor - 1, one.amount.currency)
        one.place = Place.TAKEN
        self._timeline.tell(self.name, "{} of {} took {}", one.charge_id, one.key, one.amount)
        self._truth.money_taken(one)
        self.taken(one)
        if self._chances.strikes("reversal"):
            self.eventually(self._chances.spread(60, 2e5), self._reverse, one)
        self._perhaps_notify(one)

    def _decline(self, one: Try, *, soft: bool) -> None:
        one.place, one.soft = Place.DECLINED, soft
        self._timeline.tell(self.name, "{} of {} was declined", one.charge_id, one.key)
        late = self._capabilities.failed_is_final_after.total_seconds()
        if late and self._chances.random.random() < TURNS_LATE:
            self.eventually(self._chances.between(0, late - MARGIN_SECONDS), self._turn, one)
        elif self._chances.strikes("changes_its_mind"):
            self.eventually(self._chances.spread(1, 2e5), self._break_its_word, one)
        self._perhaps_notify(one)

    def _turn(self, one: Try) -> None:
        fate = self._truth.fates[one.workflow_id]
        paid = any(other.place in HAD_MONEY for other in fate.tries if other.key == one.key)
        # A key that is good for anything takes money once, however late.
        has_keys = self._capabilities.idempotency is not Idempotency.NONE
        if one.place is Place.DECLINED and not (paid and has_keys):
            self._take(one)
            self.notify(one.key, self.tell(one))

    def _break_its_word(self, one: Try) -> None:
        """A decline that was final takes money after all: only an incident can follow."""
        if one.place is Place.DECLINED:
            self._truth.fates[one.workflow_id].gateway_broke_its_word = True
            one.against_its_word = True
            self._timeline.tell(self.name, "breaks its word about {}", one.charge_id)
            self._turn(one)

    def _reverse(self, one: Try) -> None:
        if one.place is Place.TAKEN:
            one.place = Place.REVERSED
            self._timeline.tell(self.name, "{} was reversed", one.charge_id)
            self.notify(one.key, self.tell(one))

    def give_back(self, one: Try) -> None:
        """Give its money back, if it still is here."""
        if one.place is Place.TAKEN:
            one.place = Place.REFUNDED
            self._timeline.tell(self.name, "{} was refunded", one.charge_id)

    def tell(self, one: Try) -> Answer:
        """Say what a try is now."""
        match one.place:
            case Place.TAKEN | Place.REFUNDED:
                return Succeeded(one.charge_id, one.amount, reference=one.key)
            case Place.PENDING:
                poll = timedelta(hours=1) if one.charge_id[-1] in "13579" else None
                return Pending(one.charge_id, poll, needs_customer=one.needs_customer)
            case Place.DECLINED:
                kind = DeclineKind.SOFT if one.soft else DeclineKind.HARD
                return Declined(kind, code="declined", charge_id=one.charge_id)
            case _:
                return Declined(code=str(one.place), charge_id=one.charge_id)

    def _perhaps_notify(self, one: Try) -> None:
        if self._chances.random.random() < 0.3:
            self.notify(one.key, self.tell(one))

    def eventually(self, seconds: float, become: Callable[[Try], None], one: Try) -> None:
        """Let something become true by itself."""
        self.undecided += 1

        def happen() -> None:
            self.undecided -= 1
            become(one)

        self._loop.later(seconds, happen)
