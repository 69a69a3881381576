"""A gateway as it really is: it keeps the money's ground truth and is exactly its class."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from external_gate.domain.charge import Cancel, Charge, Idempotency, KeyStores
from external_gate.domain.outcome import (
    Answer,
    Declined,
    Misconfigured,
    NotFound,
    TooLate,
    Undone,
    UndoPending,
    UndoUnknown,
    Unknown,
)
from tests.simulation.chances import Chances
from tests.simulation.fortunes import Fortunes
from tests.simulation.timeline import Timeline
from tests.simulation.truth import HAD_MONEY, Place, Truth, Try
from tests.simulation.virtual_loop import VirtualLoop

Reply = Callable[[Answer], None]
SLOWEST_SECONDS = 3.0
"""How long a charge is worked on at most, when its time budget allows."""


@dataclass(eq=False)
class Account:
    """What the gateway keeps under one key or reference."""

    tries: list[Try] = field(default_factory=list)
    """In order, without those that the key's window has outlived."""
    everything: list[Try] = field(default_factory=list)
    since: float = 0.0
    body: bytes = b""
    burnt: bool = False
    first_answer: Answer | None = None


@dataclass(frozen=True)
class Arrived:
    """A charge request at the gateway's door."""

    charge: Charge
    body: bytes
    finish_by: float
    """When its effect has happened at the latest: the request timeout after its send."""
    left_at: float
    """When it left our machine."""
    proxied: bool = False
    """Whether a proxy on the way repeats it at once when it is declined."""


class GatewayBooks:
    """One gateway: charges, lookups and undos at its door; its money in its books."""

    def __init__(
        self,
        fortunes: Fortunes,
        *,
        loop: VirtualLoop,
        chances: Chances,
        truth: Truth,
        timeline: Timeline,
    ) -> None:
        self.name = fortunes.name
        self.kind = fortunes.kind
        self.fortunes = fortunes
        self.accounts: dict[str, Account] = {}
        self._capabilities = fortunes.kind.capabilities
        self._loop = loop
        self._chances = chances
        self._truth = truth
        self._timeline = timeline
        self._number = 0

    def charge(self, arrived: Arrived, reply: Reply) -> None:
        """Take a charge request in; replies now or a little later."""
        if self._chances.strikes("error_before_effect"):
            reply(Unknown("500 before anything was done"))
            return
        if self._chances.strikes("busy"):
            reply(Unknown("429"))
            return
        account = self._account(str(arrived.charge.attempt_key))
        known = self._recognised(account)
        if account.burnt:
            reply(Declined(code="cancelled"))
        elif known is not None and account.body != arrived.body:
            reply(Unknown("409: the key came with another body"))
        elif known is not None and known.place is Place.PROCESSING:
            self._chances.struck["in_flight_409"] += 1
            reply(Unknown("409: in flight"))
        elif known is not None:
            reply(self._repeat(account, known))
        elif self._chances.strikes("refused_us"):
            reply(Misconfigured("the api key is unknown"))
        else:
            self._begin(account, arrived, reply)

    def lookup(self, key: str, reply: Reply) -> None:
        """Tell what became of a key."""
        if self._chances.strikes("error_before_effect"):
            reply(Unknown("500"))
            return
        account = self._account(key)
        now = self._loop.time()
        seen = [
            one
            for one in account.everything
            if one.place is not Place.PROCESSING and one.visible_at <= now
        ]
        best = next((one for one in seen if one.place in HAD_MONEY), seen[-1] if seen else None)
        if best is not None:
            reply(self.fortunes.tell(best))
        elif account.burnt:
            reply(Declined(code="cancelled"))
        else:
            reply(NotFound(conclusive=self.kind.conclusive))

    def cancel(self, charge: Charge, reply: Reply) -> None:
        """Stop a charge that took no money."""
        if self._chances.strikes("error_before_effect"):
            reply(UndoUnknown("500"))
            return
        answer = self._cancel(str(charge.attempt_key), charge.workflow_id)
        reply(UndoUnknown("500") if self._chances.strikes("error_after_effect") else answer)

    def refund(self, key: str, charge_id: str | None, reply: Reply) -> None:
        """Give a charge back."""
        if self._chances.strikes("error_before_effect"):
            reply(UndoUnknown("500"))
            return
        answer = self._refund(key, charge_id)
        reply(UndoUnknown("500") if self._chances.strikes("error_after_effect") else answer)

    def has_nothing(self, workflow_id: str) -> bool:
        """Tell a person who looks by hand whether nothing was ever seen of a workflow."""
        return not any(
            one.workflow_id == workflow_id
            for account in self.accounts.values()
            for one in account.everything
        )

    def _account(self, key: str) -> Account:
        account = self.accounts.setdefault(key, Account(since=self._loop.time()))
        age = timedelta(seconds=self._loop.time() - account.since)
        if account.tries and age >= self._capabilities.window:
            account.tries = [t for t in account.tries if t.place is Place.PROCESSING]
            account.first_answer = None
        return account

    def _recognised(self, account: Account) -> Try | None:
        """Give the try that a repeat of its key finds."""
        if self._capabilities.idempotency is Idempotency.NONE or not account.tries:
            return None
        newest = account.tries[-1]
        if newest.place is Place.PROCESSING:
            return newest
        if self._capabilities.key_stores is KeyStores.EVERY_ANSWER:
            return newest
        accepted = HAD_MONEY | {Place.PENDING}
        return next((one for one in account.tries if one.place in accepted), None)

    def _repeat(self, account: Account, known: Try) -> Answer:
        if self._capabilities.key_stores is KeyStores.NOTHING:
            return Unknown("duplicate reference")
        if account.first_answer is not None:
            return account.first_answer
        return self.fortunes.tell(known)

    def _begin(self, account: Account, arrived: Arrived, reply: Reply) -> None:
        now = self._loop.time()
        if not account.tries:
            account.since = now
            account.body = arrived.body
        one = self._new_try(account, arrived)
        seconds = min(arrived.finish_by - now, self._chances.between(0, SLOWEST_SECONDS))
        self._loop.later(max(0.0, seconds), self._finish, account, one, arrived, reply)

    def _new_try(self, account: Account, arrived: Arrived) -> Try:
        self._number += 1
        charge = arrived.charge
        one = Try(
            f"{self.name}-{self._number}",
            str(charge.attempt_key),
            charge.workflow_id,
            charge.amount,
            arrived.left_at,
        )
        account.tries.append(one)
        account.everything.append(one)
        self._truth.fates[charge.workflow_id].tries.append(one)
        return one

    def _finish(self, account: Account, one: Try, arrived: Arrived, reply: Reply) -> None:
        if one.place is Place.PROCESSING:
            place = self.fortunes.decide(one)
            if place is Place.DECLINED and arrived.proxied:
                self._timeline.tell(self.name, "a proxy repeats the declined {}", one.charge_id)
                visible_at = one.visible_at
                one = self._new_try(account, arrived)
                self.fortunes.decide(one)
                one.visible_at = visible_at
        answer: Answer = self.fortunes.tell(one)
        if self._chances.strikes("error_after_effect"):
            answer = Unknown("500 after the effect")
        if self.kind.replays_first_answer or (
            self.kind.stores_failures and isinstance(answer, Unknown)
        ):
            account.first_answer = answer
        reply(answer)

    def _cancel(self, key: str, workflow_id: str) -> Answer:
        account = self._account(key)
        places = {one.place for one in account.everything}
        if places & HAD_MONEY:
            return TooLate("money was taken")
        if Place.PROCESSING in places:
            return UndoUnknown("in flight")
        open_tries = [one for one in account.everything if one.place is Place.PENDING]
        if self._capabilities.cancel is Cancel.BY_CHARGE and not open_tries:
            return TooLate("nothing is open") if places else UndoUnknown("no such charge")
        for one in open_tries:
            one.place = Place.CANCELLED
        if self._capabilities.cancel is Cancel.BY_KEY:
            account.burnt = True
            self._truth.fates[workflow_id].burnt += 1
        self._timeline.tell(self.name, "{} was cancelled", key)
        return Undone()

    def _refund(self, key: str, charge_id: str | None) -> Answer:
        tries = self._account(key).everything
        wanted = [one for one in tries if one.charge_id == charge_id] or tries
        if any(one.place is Place.REFUNDED for one in wanted):
            return Undone()
        for one in wanted:
            if one.place is Place.TAKEN:
                if self._chances.random.random() < 0.25:
                    later = self._chances.spread(1, 1e4)
                    self.fortunes.eventually(later, self.fortunes.give_back, one)
                    return UndoPending()
                self.fortunes.give_back(one)
                return Undone()
        return TooLate("no money is here")
