"""What is done after a failed payment: see what Metronome did, wait, switch on, prove it.

Every step ends in one save under the aftermath's fence; the intent to switch on is saved before the
call, which has a key of its own, so that a crash at any point repeats nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from external_gate.domain.aftermath import (
    GOING_ON,
    Aftermath,
    AftermathChange,
    ContractStanding,
    Obstacle,
    Obstructed,
    Stage,
    Way,
)
from external_gate.domain.clock import Clock
from external_gate.domain.errors import BadInput, Broken, Refused, Unavailable
from external_gate.domain.host_notice import HostNotice, NoticeType
from external_gate.domain.ledger import HistoryEntry, Incident, IncidentKind
from external_gate.domain.workflow import Actor, State
from external_gate.metronome.billing import Billing
from external_gate.metronome.contracting import Gate, ThresholdKind
from external_gate.stores.store import Store
from external_gate.thresholds.aftercare_policy import (
    LOOK_AGAIN,
    TRIES,
    AftercarePolicy,
    followed,
    obstacle,
)
from external_gate.thresholds.applying import Disagrees, Prepared, Thresholds
from external_gate.thresholds.failure_seen import Seen, failure_of, threshold_behind
from external_gate.thresholds.once import reenabling_key
from external_gate.thresholds.payer_watch import PayerWatch
from external_gate.thresholds.planning import Wish

MAY_TAKE = timedelta(minutes=10)
"""How long Metronome may take to void the invoice and switch off; then we write what we see."""

LADDER = tuple(timedelta(seconds=each) for each in (5, 15, 60, 300, 900, 3600))
"""Waits while Metronome or the payer source cannot be asked; the last one without end."""

IGNORED_AGAIN = (timedelta(minutes=5), timedelta(hours=1))
"""Waits before a threshold that did not go on is asked to once more."""

MARGIN = timedelta(seconds=60)
"""How long before the end of our lease the last call leaves: longer than any call takes."""


class AftercareObserver(Protocol):
    """Hears what was durably saved; must neither raise nor block."""

    def aftermath_saved(self, before: Aftermath, after: Aftermath) -> None:
        """A step was committed."""
        ...

    def aftercare_failed(self, error: Exception) -> None:
        """A step or a claim failed; it is made again."""
        ...


@dataclass(frozen=True, slots=True)
class AfterFailed:
    """The steps. Belongs to whoever holds the aftermath's lease."""

    store: Store
    billing: Billing
    thresholds: Thresholds
    watch: PayerWatch
    policy: AftercarePolicy
    clock: Clock
    observer: AftercareObserver
    reads_invoices: bool = True
    """False where our token may not: `metronome.verify_invoice`."""

    async def step(self, found: Aftermath) -> None:
        """Do what is due.

        Raises `LeaseLost` when somebody else has it now, `Unavailable` when the store is away.
        """
        going: Aftermath | None = found
        while going is not None:
            going = await self._one(going)

    async def _one(self, found: Aftermath) -> Aftermath | None:
        """Do one step; give what goes on under the same lease."""
        steps = {
            Stage.CONFIRMING: self._confirm,
            Stage.WAITING: self._wait,
            Stage.ENABLING: self._enable,
        }
        try:
            return await steps[found.stage](found)
        except Obstructed as obstructed:
            await self._obstructed(found, obstructed.obstacle)
        except (Unavailable, Broken) as error:
            await self._later(found, str(error))
        return None

    async def _confirm(self, found: Aftermath) -> Aftermath | None:
        """Write what Metronome did, tell it, and begin to wait."""
        seen = await self._look(found)
        now = self.clock.now()
        if not seen.is_as_announced and now < found.began_at + MAY_TAKE:
            await self._later(found, "Metronome has not switched the threshold off yet")
            return None
        dossier = await self.store.dossier(found.workflow_id)
        attempts = () if dossier is None else dossier.attempts
        looked = replace(
            found,
            failure=failure_of(attempts),
            threshold=None if seen.threshold is None else seen.threshold.kind.value,
            payer_digest=self.watch.digest_at_failure(attempts),
        )
        entry = self._entry("metronome_read_back", "what Metronome did", **seen.told())
        told = (self._notice(found, NoticeType.THRESHOLD_DISABLED),) if seen.is_off else ()
        after = self._after_look(looked, seen, now)
        is_due = after.due_at is not None and after.due_at <= now
        saved = await self._save(found, after, entry, notices=told, give_back=not is_due)
        return saved if is_due else None

    def _after_look(self, looked: Aftermath, seen: Seen, now: datetime) -> Aftermath:
        way = self.policy.way(looked.failure)
        if not seen.is_off:
            return _ended(looked, Stage.LEFT, "Metronome shows no threshold that is off")
        if way is Way.NOTHING:
            return _ended(looked, Stage.LEFT, "off; by configuration it stays so")
        due_at = self.policy.first_look(looked, now)
        return replace(looked, stage=Stage.WAITING, looks=0, due_at=due_at, detail=_waits_for(way))

    async def _look(self, found: Aftermath) -> Seen:
        facts = found.facts
        invoice = None
        if self.reads_invoices:
            invoice = await self.billing.invoice(facts.customer_id, facts.invoice_id)
        terms = await self.thresholds.contracting.terms(facts.customer_id, facts.contract_id)
        return Seen(
            invoice=None if invoice is None else invoice.status,
            terms=terms,
            threshold=None if terms is None else threshold_behind(facts.workflow_type, terms),
        )

    async def _wait(self, found: Aftermath) -> Aftermath | None:
        """Switch on if something speaks for it; else look again later."""
        way = self.policy.way(found.failure)
        why = ""
        match way:
            case Way.NOTHING:
                left = _ended(found, Stage.LEFT, "off; by configuration it stays so")
                await self._save(found, left, self._entry("threshold_left_off", left.detail))
                return None
            case Way.SCHEDULE:
                why = "by schedule"
            case Way.PAYER_CHANGE:
                found = await self.watch.with_digest(found)
                why = await self.watch.change(found)
        if why:
            return await self._intend(found, why)
        rest = self.clock.now() + self.policy.rest(found.failure)
        waiting = replace(found, looks=0, due_at=rest, detail=_waits_for(way))
        await self._save(found, waiting, judge=followed)
        return None

    async def _intend(self, found: Aftermath, why: str) -> Aftermath:
        """Save that the threshold is to go on, if our books allow it."""
        number = found.tries + 1
        intent = replace(
            found, stage=Stage.ENABLING, tries=number, looks=0, detail=f"switching on: {why}"
        )
        key = reenabling_key(found.workflow_id, number)
        entry = self._entry("re_enable_intended", why, **{"try": str(number), "key": key})
        return await self._save(found, intent, entry, judge=self._judge(found), give_back=False)

    def _judge(self, found: Aftermath) -> Callable[[ContractStanding], Obstacle | None]:
        return partial(obstacle, aftermath=found, policy=self.policy, now=self.clock.now())

    async def _enable(self, found: Aftermath) -> None:
        """Send the change under the key of this try, and prove it.

        Whoever tried before may have died in mid-call: it is the same try, unless life went on.
        """
        found = await self._save(found, found, judge=self._judge(found), give_back=False)
        try:
            prepared = await self._prepared(found)
        except (Refused, BadInput) as error:
            left = _ended(found, Stage.LEFT, str(error))
            await self._save(found, left, self._entry("threshold_left_off", left.detail))
            return
        until = (found.lease_until or self.clock.now()) - MARGIN
        key = reenabling_key(found.workflow_id, found.tries)
        try:
            proven = await self.thresholds.apply(prepared, uniqueness_key=key, not_after=until)
        except (Refused, BadInput) as error:
            # A key that was used, and no effect: perhaps by a life that restored books have lost.
            is_last = isinstance(error, Disagrees) and error.was_made_before
            await self._not_enabled(found, str(error), is_last=is_last or found.tries >= TRIES)
            return
        how = "read back as on" if proven.was_sent else "it was on already"
        await self._save(
            found,
            _ended(found, Stage.ENABLED, f"on since {self.clock.now():%Y-%m-%d %H:%M}Z: {how}"),
            self._entry("threshold_enabled", how, **{"try": str(found.tries)}),
            notices=(self._notice(found, NoticeType.THRESHOLD_ENABLED),),
        )

    async def _prepared(self, found: Aftermath) -> Prepared:
        facts = found.facts
        kind = None if found.threshold is None else ThresholdKind(found.threshold)
        wish = Wish(kind=kind, is_enabled=True)
        prepared = await self.thresholds.prepare(facts.customer_id, facts.contract_id, wish)
        if prepared.plan.after.gate != Gate.EXTERNAL:
            raise Refused(f"the threshold's gate is {prepared.plan.after.gate} now: not ours")
        return prepared

    async def _not_enabled(self, found: Aftermath, why: str, *, is_last: bool) -> None:
        """Metronome did not do it: once more later, and at last a person."""
        event = {"reason": why, "try": str(found.tries)}
        if is_last:
            given_up = _ended(found, Stage.GIVEN_UP, why)
            incident = Incident(IncidentKind.THRESHOLD_NOT_ENABLED, self.clock.now(), why)
            await self._save(
                found,
                given_up,
                self._entry("re_enable_given_up", **event),
                incidents=(incident,),
                judge=followed,
            )
            return
        due_at = self.clock.now() + IGNORED_AGAIN[found.tries - 1]
        again = replace(found, stage=Stage.WAITING, looks=0, due_at=due_at, detail=why)
        await self._save(found, again, self._entry("re_enable_ignored", **event), judge=followed)

    async def _obstructed(self, found: Aftermath, met: Obstacle) -> None:
        if met.end is not None:
            after = _ended(found, met.end, met.why)
            if met.end is Stage.FOLLOWED:
                told = (self._notice(found, NoticeType.THRESHOLD_ENABLED),)
                await self._save(found, after, self._entry("followed", met.why), notices=told)
            else:
                await self._save(found, after, self._entry("threshold_left_off", met.why))
            return
        due_at = met.until or self.clock.now() + LOOK_AGAIN
        waiting = replace(found, due_at=due_at, detail=met.why)
        # A cause that lasts is told once.
        entries = () if met.why == found.detail else (self._entry("re_enable_put_off", met.why),)
        await self._save(found, waiting, *entries)

    async def _later(self, found: Aftermath, why: str) -> None:
        due_at = self.clock.now() + LADDER[min(found.looks, len(LADDER) - 1)]
        waiting = replace(found, looks=found.looks + 1, due_at=due_at, detail=why)
        await self._save(found, waiting)

    async def _save(
        self,
        before: Aftermath,
        after: Aftermath,
        *history: HistoryEntry,
        **more: Any,  # fields of the change
    ) -> Aftermath:
        after = replace(after, updated_at=self.clock.now())
        saved = await self.store.save_aftermath(AftermathChange(after, history, **more))
        self.observer.aftermath_saved(before, saved)
        return saved

    def _entry(self, event: str, reason: str, **facts: str) -> HistoryEntry:
        return HistoryEntry(self.clock.now(), Actor.ENGINE, event, reason, facts=facts)

    def _notice(self, found: Aftermath, notice_type: NoticeType) -> HostNotice:
        return threshold_notice(found, notice_type, at=self.clock.now())


def threshold_notice(found: Aftermath, notice_type: NoticeType, *, at: datetime) -> HostNotice:
    """Give what tells the host of a failed workflow's threshold."""
    facts = found.facts
    return HostNotice(
        type=notice_type,
        at=at,
        customer_id=facts.customer_id,
        contract_id=facts.contract_id,
        workflow_id=facts.workflow_id,
        invoice_id=facts.invoice_id,
        state=State.CANCELLED,
    )


def _ended(found: Aftermath, stage: Stage, detail: str) -> Aftermath:
    if stage in GOING_ON:
        raise Broken(f"{stage} is no end")
    return replace(found, stage=stage, due_at=None, looks=0, detail=detail)


def _waits_for(way: Way) -> str:
    waits = {
        Way.COMMAND: "off until somebody uses external-gate thresholds enable",
        Way.PAYER_CHANGE: "off until the payer changes",
        Way.SCHEDULE: "off until its time by schedule",
    }
    return waits.get(way, "off")
