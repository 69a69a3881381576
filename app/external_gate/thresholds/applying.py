"""Make a planned change at Metronome, exactly once, and prove it by reading back.

The one interface of this room for commands, API and console.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from external_gate.domain.clock import Clock
from external_gate.domain.errors import Refused, Unavailable
from external_gate.domain.identifiers import ContractId, CustomerId
from external_gate.domain.money import Unit
from external_gate.metronome.contracting import (
    AlreadyMade,
    Contracting,
    ContractTerms,
    ThresholdConfig,
)
from external_gate.thresholds import once
from external_gate.thresholds.once import NewContract
from external_gate.thresholds.planning import Difference, Plan, Wish, differences, plan
from external_gate.thresholds.tariff import Tariff, tariff_of
from external_gate.thresholds.threshold_rules import check_start

SENDS = 3
"""How often one change is sent when its answer is lost, always under the same key."""

GENERATIONS = 3
"""How many keys one change may use up: one that was taken without an effect is dead for ever."""

PATIENCE = timedelta(seconds=15)
"""How long a change may take to be readable."""


_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan for a certain contract, or for a new one."""

    customer_id: CustomerId
    plan: Plan
    tariff: Tariff | None
    contract: ContractTerms | None
    """None when the contract is made together with its threshold."""
    new: NewContract | None = None
    edit_ids: frozenset[str] = frozenset()
    """The edits that the contract had when this was planned."""

    @property
    def uniqueness_key(self) -> str:
        """Give the key under which Metronome makes the change once."""
        return self.key(0)

    def body(self, now: datetime) -> Mapping[str, object]:
        """Give what is sent, beside customer, contract and key; {} when nothing is."""
        if self.contract is None and self.new is not None:
            return once.contract_body(self.new, self.plan, now=now)
        return self.plan.changes

    def key(self, generation: int) -> str:
        """Give the key of a generation; see `once`."""
        if self.contract is None and self.new is not None:
            return once.contract_key(self.customer_id, self.new)
        contract_id = "" if self.contract is None else self.contract.contract_id
        return once.edit_key(
            contract_id, self.plan.changes, edit_ids=self.edit_ids, generation=generation
        )


@dataclass(frozen=True, slots=True)
class Proven:
    """What a change came to, as Metronome tells it afterwards."""

    contract: ContractTerms
    threshold: ThresholdConfig
    was_sent: bool
    """False when everything was as wished already."""


class Disagrees(Refused):
    """Metronome took a change and does not show it: it was not made, or not in full."""

    def __init__(
        self, contract_id: ContractId, remaining: tuple[Difference, ...], *, was_made_before: bool
    ) -> None:
        told = "; ".join(f"{one.what} is {one.before}, not {one.after}" for one in remaining)
        super().__init__(
            f"Metronome accepted the change of contract {contract_id}, but reading it back says: "
            f"{told}. Metronome has ignored re-enabled thresholds before: look at the contract in "
            "its application and change it there, or run this command again later"
        )
        self.contract_id = contract_id
        self.remaining = remaining
        self.was_made_before = was_made_before
        """Whether Metronome says that an earlier call had used the change's key."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Show, plan and change thresholds.

    `overrides` are those of the configuration's `[metronome.units]`. Every method raises what
    `Contracting` raises; `patience` is how long a change may take to be readable.
    """

    contracting: Contracting
    clock: Clock
    overrides: Mapping[str, Unit] = field(default_factory=dict)
    patience: timedelta = PATIENCE

    async def contract(self, customer_id: CustomerId, contract_id: ContractId) -> ContractTerms:
        """Read a contract. Raises `Refused` when there is none."""
        found = await self.contracting.terms(customer_id, contract_id)
        if found is None or found.customer_id != customer_id:
            raise Refused(
                f"Metronome knows no contract {contract_id} of customer {customer_id}; compare the "
                "ids, and whether metronome.api_token is of the right environment"
            )
        return found

    async def tariff(self, rate_card_id: str | None) -> Tariff | None:
        """Read in which units a contract's amounts are; None when it names no rate card."""
        if rate_card_id is None:
            return None
        card = await self.contracting.rate_card(rate_card_id)
        if card is None:
            raise Refused(f"Metronome knows no rate card {rate_card_id}")
        return tariff_of(card, self.overrides)

    async def prepare(
        self, customer_id: CustomerId, contract_id: ContractId, wish: Wish
    ) -> Prepared:
        """Plan the change of a contract; changes nothing. Raises as `planning.plan`."""
        contract = await self.contract(customer_id, contract_id)
        return await self._prepared(contract, wish)

    async def prepare_new(self, customer_id: CustomerId, new: NewContract, wish: Wish) -> Prepared:
        """Plan a new contract with its threshold; changes nothing.

        When the same was asked for before, its contract is there: then this plans a change of it.
        """
        existing = await self._made_before(customer_id, once.contract_key(customer_id, new))
        if existing is not None:
            return await self._prepared(existing, wish)
        if new.starting_at is not None:
            check_start("the new contract", new.starting_at, now=self.clock.now())
        tariff = await self.tariff(new.rate_card_id)
        planned = plan(None, wish, tariff, now=self.clock.now())
        return Prepared(customer_id, planned, tariff, contract=None, new=new)

    async def apply(
        self,
        prepared: Prepared,
        *,
        uniqueness_key: str | None = None,
        not_after: datetime | None = None,
    ) -> Proven:
        """Make a planned change and prove it by reading back; repeated, it changes nothing twice.

        Raises `Disagrees` when Metronome does not show the change, `Unavailable` when nobody can
        tell whether it was made: the same command again finds out. A `uniqueness_key` of the
        caller's is the only one that is used, taken or not; no change leaves after `not_after`.
        """
        if prepared.contract is None:
            return await self._create(prepared)
        if prepared.plan.is_done:
            threshold = prepared.plan.after
            return Proven(prepared.contract, threshold, was_sent=False)
        remaining: tuple[Difference, ...] = ()
        is_new = False
        ours = (prepared.key(generation) for generation in range(GENERATIONS))
        for key in ours if uniqueness_key is None else (uniqueness_key,):
            is_new = await self._send_edit(prepared, prepared.contract, key, not_after=not_after)
            proven, remaining = await self._read_back(prepared, prepared.contract.contract_id)
            if proven is not None:
                return proven
            if is_new:
                break  # to send what was accepted and ignored once more does not help
        contract_id = prepared.contract.contract_id
        raise Disagrees(contract_id, remaining, was_made_before=not is_new)

    async def _prepared(self, contract: ContractTerms, wish: Wish) -> Prepared:
        tariff = await self.tariff(contract.rate_card_id)
        planned = plan(contract, wish, tariff, now=self.clock.now())
        edits = await self.contracting.edit_ids(contract.customer_id, contract.contract_id)
        return Prepared(contract.customer_id, planned, tariff, contract, edit_ids=edits)

    async def _send_edit(
        self, prepared: Prepared, contract: ContractTerms, key: str, *, not_after: datetime | None
    ) -> bool:
        """Send an edit; false when its key was used before, perhaps by a call that was lost."""

        async def send() -> bool:
            await self.contracting.edit_contract(
                contract.customer_id,
                contract.contract_id,
                changes=prepared.plan.changes,
                uniqueness_key=key,
                not_after=not_after,
            )
            return True

        return await self._until_answered(send) or False

    async def _create(self, prepared: Prepared) -> Proven:
        key = prepared.uniqueness_key
        body = prepared.body(self.clock.now())
        made = await self._until_answered(
            lambda: self.contracting.create_contract(
                prepared.customer_id, contract=body, uniqueness_key=key
            )
        )
        contract_id = made or await self._id_of(prepared.customer_id, key)
        proven, remaining = await self._read_back(prepared, contract_id)
        if proven is None:
            raise Disagrees(contract_id, remaining, was_made_before=made is None)
        return proven

    async def _until_answered(self, send: Callable[[], Awaitable[_Answer]]) -> _Answer | None:
        """Send until there is an answer, always the same; None when its key was used before."""
        for left in reversed(range(SENDS)):
            try:
                return await send()
            except AlreadyMade:
                break
            except Unavailable:
                if not left:
                    raise
                await self.clock.sleep(timedelta(seconds=2 ** (SENDS - 1 - left)))
        return None

    async def _id_of(self, customer_id: CustomerId, key: str) -> ContractId:
        made = await self._made_before(customer_id, key)
        if made is None:
            raise Refused(
                "Metronome says that this contract was made before, and does not list it: it may "
                "be archived; give the new one another name with --contract-name"
            )
        return made.contract_id

    async def _made_before(self, customer_id: CustomerId, key: str) -> ContractTerms | None:
        following: str | None = None
        while True:
            page = await self.contracting.contracts_of(customer_id, following)
            for each in page.items:
                if each.uniqueness_key == key:
                    return each
            if page.following is None:
                return None
            following = page.following

    async def _read_back(
        self, prepared: Prepared, contract_id: ContractId
    ) -> tuple[Proven | None, tuple[Difference, ...]]:
        """Look until Metronome shows what was planned; else give what still differs."""
        until = self.clock.now() + self.patience
        pause, remaining = timedelta(seconds=1), prepared.plan.differences
        while True:
            contract = await self._look(prepared.customer_id, contract_id, until=until)
            if contract is not None:
                found = contract.thresholds.get(prepared.plan.kind)
                remaining = _remaining(found, prepared)
                if found is not None and not remaining:
                    return Proven(contract, found, was_sent=True), ()
            left = until - self.clock.now()
            if left <= timedelta(0):
                return None, remaining
            await self.clock.sleep(min(pause, left))
            pause *= 2

    async def _look(
        self, customer_id: CustomerId, contract_id: ContractId, *, until: datetime
    ) -> ContractTerms | None:
        try:
            return await self.contracting.terms(customer_id, contract_id)
        except Unavailable:
            if self.clock.now() >= until:
                raise
            return None


def _remaining(found: ThresholdConfig | None, prepared: Prepared) -> tuple[Difference, ...]:
    """Give in what Metronome's word still differs from the plan, in the things that it changes."""
    changed = {one.what for one in prepared.plan.differences}
    told = differences(found, prepared.plan.after, prepared.tariff)
    return tuple(one for one in told if one.what in changed)
