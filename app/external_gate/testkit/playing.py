"""Plays one scenario on a fresh stage, step by step, and writes down what does not hold."""

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from external_gate.domain.charge import Charge
from external_gate.domain.errors import BadInput
from external_gate.domain.money import Money
from external_gate.domain.outcome import Answer, Pending, Succeeded
from external_gate.testkit.adapter_probes import ODD_DESCRIPTION, ODD_METADATA, probe_purity
from external_gate.testkit.deeds import Deeded, cut, watched
from external_gate.testkit.judging import CHARGES, LONGEST_GAP_SECONDS, Judge
from external_gate.testkit.needs import lacking, lacking_needs, usual_currency
from external_gate.testkit.notification_probes import probe_notifications
from external_gate.testkit.proxy_faults import ProxyFault
from external_gate.testkit.rig import Rig, Situation
from external_gate.testkit.scenario import Deed, Scenario, Step
from external_gate.testkit.sends_compared import Sends
from external_gate.testkit.stage import SharedCaller, Stage
from external_gate.testkit.violation import Notebook, ScenarioResult

HEARTBEATS = 3
"""Tries before a standstill is believed: a busy machine stalls now and then, a blocking adapter
at every try."""

MOST_LOOKS = 6
"""Of a pending charge, with time passing in between, until it is final."""


async def play(rig: Rig, scenario: Scenario, *, name: str, caller: SharedCaller) -> ScenarioResult:
    """Play a scenario on a fresh rig. Raises `Broken` when rig or adapter cannot be made."""
    began = time.monotonic()
    result = ScenarioResult(scenario.id, scenario.title, scenario.promise)
    async with Stage(rig, name, caller) as stage:
        result.not_exercised = await lacking(stage, scenario)
        if result.not_exercised is None:
            await Player(stage, scenario, Notebook(result, rig.secrets)).play()
    result.seconds = time.monotonic() - began
    return result


class Player:
    """The steps of one scenario."""

    def __init__(self, stage: Stage, scenario: Scenario, book: Notebook) -> None:
        self._stage = stage
        self._scenario = scenario
        self._book = book
        self._bodies: dict[str, bytes] = {}
        self._charge_ids: dict[str, str] = {}
        self._paid_ids: dict[str, str] = {}
        self._sends = Sends()
        self._capabilities = stage.gateway.capabilities
        self._judging = Judge(book, scenario, self._capabilities)
        self._key = stage.charge(stage.payer(scenario.payer), self._amount()).attempt_key

    async def play(self) -> None:
        """Play to the end, or to a step after which nothing more can be learnt."""
        for step in self._scenario.steps:
            if await lacking_needs(self._stage, step.needs) is None and not await self._step(step):
                break
        else:
            await self._judge_ending()
        if self._stage.proxy is not None:
            self._sends.judge(self._book, self._capabilities, self._stage.rig.key_header)
        await self._judge_takings()

    async def _step(self, step: Step) -> bool:
        if step.fresh_adapter:
            self._stage.renew_adapter()
        if step.after_lag:
            await self._stage.advance(self._capabilities.visibility_lag)
        match step.do:
            case Deed.ADVANCE:
                await self._stage.advance(timedelta(seconds=step.seconds))
            case Deed.PURITY:
                probe_purity(self._stage, self._book, self._charge(step))
            case Deed.NOTIFICATIONS:
                await probe_notifications(self._stage, self._book, self._charge(step))
            case Deed.SETTLE:
                return await self._settle(step)
            case _:
                done = await self._do(step)
                return done is None or self._judge(step, done)
        return True

    def _judge(self, step: Step, done: Deeded) -> bool:
        self._remember_id(done)
        if step.do in CHARGES:
            built = self._bodies[done.charge.attempt_key]
            self._sends.add(done.charge.attempt_key, built, done.calls)
        return self._judging.judge(step, done)

    def _remember_id(self, done: Deeded) -> None:
        """Keep the provider's id, as the core does; two ids are two charges to it."""
        key, answer = done.charge.attempt_key, done.answer
        charge_id: object = getattr(answer, "charge_id", None)
        foreign = getattr(answer, "reference", None) not in (None, key)
        if not isinstance(charge_id, str) or foreign:
            return
        self._charge_ids[key] = charge_id
        replayed = any(call.fault is ProxyFault.REPLAY_OLDER for call in done.calls)
        if isinstance(answer, Succeeded) and not replayed:
            known = self._paid_ids.setdefault(key, charge_id)
            sentence = f"one charge was told under two ids, {known} and {charge_id}"
            same = known == charge_id
            self._book.must("repeat-finds-the-charge", same, sentence, done.calls, done.books)

    async def _do(self, step: Step) -> Deeded | None:
        """Make the call of a step; None when `build` refused the charge, as it may."""
        charge = self._charge(step)
        gateway = self._stage.gateway
        if step.do in CHARGES:
            return await self._send(step, charge)
        sent = self._stage.sent(charge, self._charge_ids.get(charge.attempt_key))
        calls: dict[Deed, Callable[[], Awaitable[Answer]]] = {
            Deed.LOOKUP: lambda: gateway.lookup(sent),
            Deed.CANCEL: lambda: gateway.cancel(sent),
            Deed.REFUND: lambda: gateway.refund(sent),
        }
        await self._stage.script(step.faults)
        return await watched(self._stage, step.do, charge, calls[step.do])

    async def _send(self, step: Step, charge: Charge) -> Deeded | None:
        body = self._build(charge)
        if body is None:
            return None
        gateway = self._stage.gateway
        late = step.do is Deed.CHARGE_TOO_LATE
        request = self._stage.request(charge, body, late=late)
        await self._stage.script(step.faults)
        if step.do is Deed.CHARGE_CUT:
            done = await cut(self._stage, charge, lambda: gateway.charge(request))
            self._judge_cut(done)
            return done
        sends = step.times if step.do is Deed.CHARGES_AT_ONCE else 1
        done = await self._beating(step, charge, lambda: gateway.charge(request), sends)
        if late:
            quiet = not done.calls and not done.books
            sentence = "a charge was sent after its send deadline"
            self._book.must("send-deadline", quiet, sentence, done.calls, done.books)
        return done

    async def _beating(
        self, step: Step, charge: Charge, work: Callable[[], Awaitable[Answer]], sends: int
    ) -> Deeded:
        """Do it once; where the heartbeat is measured, again as long as it stands still."""
        done = await watched(
            self._stage, step.do, charge, work, sends=sends, heartbeat=step.heartbeat
        )
        for _ in range(HEARTBEATS - 1):
            if not step.heartbeat or done.error or done.gap_seconds < LONGEST_GAP_SECONDS:
                break
            await self._stage.script(step.faults)
            again = await watched(self._stage, Deed.LOOKUP, charge, work, heartbeat=True)
            done.gap_seconds = min(done.gap_seconds, again.gap_seconds)
        return done

    def _judge_cut(self, done: Deeded) -> None:
        ended = not done.timed_out and done.seconds < 1
        sentence = "a charge whose task was cancelled did not end"
        self._book.must("cancellation-safe", ended, sentence, done.calls, done.books)
        crashed = done.error is not None
        sentence = f"a cancelled charge raised {type(done.error).__name__}"
        self._book.must("cancellation-safe", not crashed, sentence, done.calls)
        done.error = None

    def _build(self, charge: Charge) -> bytes | None:
        """Build once per attempt, as the core does."""
        key = charge.attempt_key
        if key not in self._bodies:
            try:
                self._bodies[key] = self._stage.gateway.build(charge)
            except BadInput:
                return None
            except Exception as error:  # noqa: BLE001 - that nothing else escapes is examined
                sentence = f"build raised {type(error).__name__}; only BadInput may leave it"
                odd = charge.description == ODD_DESCRIPTION
                check = "odd-texts" if odd else "never-raises"
                self._book.must(check, holds=False, sentence=sentence)
                return None
            bare = not self._book.holds_secret(self._bodies[key].decode("latin-1"))
            self._book.must("secrets-stay-out-of-bytes", bare, "build put a secret into the bytes")
        return self._bodies[key]

    async def _settle(self, step: Step) -> bool:
        """Let time pass and look until the charge is final; then judge the last look."""
        look = step.model_copy(update={"do": Deed.LOOKUP})
        done: Deeded | None = None
        for _ in range(MOST_LOOKS):
            await self._stage.advance(self._capabilities.settles_at_most + timedelta(hours=1))
            done = await self._do(look)
            if done is None or not isinstance(done.answer, Pending):
                break
        return done is None or self._judge(look, done)

    async def _judge_ending(self) -> None:
        books = await self._stage.takings(self._key)
        end = self._scenario.end
        if books is None:
            return
        kept = [one for one in books if not one.refunded]
        trace = self._stage.trace
        if end.takings is not None:
            sentence = f"at the end {end.takings} takings were right, the books show {len(kept)}"
            self._book.must(end.check, len(kept) == end.takings, sentence, trace, books)
        if end.refunded is not None:
            given = len(books) - len(kept)
            sentence = f"at the end {end.refunded} refunds were right, the books show {given}"
            self._book.must(end.check, given == end.refunded, sentence, trace, books)

    async def _judge_takings(self) -> None:
        books = await self._stage.takings()
        if books is None or not self._bodies:
            return
        for key in self._bodies:
            mine = [one for one in books if one.attempt_key == key]
            sentence = f"one attempt took money {len(mine)} times"
            trace = self._stage.trace
            self._book.must("at-most-one-charge", len(mine) <= 1, sentence, trace, mine)
            once = all(one.refunds <= 1 for one in mine)
            sentence = "the money of one attempt was given back more than once"
            if any(step.do is Deed.REFUND for step in self._scenario.steps):
                self._book.must("refund-gives-back-once", once, sentence, trace, mine)
        if self._scenario.payer is Situation.DECLINED_THEN_TAKEN and books:
            told = self._capabilities.failed_is_final_after > timedelta(0)
            sentence = "a decline turned into a success, and failed_is_final_after is 0"
            self._book.must("declared-finality", told, sentence, self._stage.trace, books)

    def _charge(self, step: Step) -> Charge:
        payer, amount = self._stage.payer(self._scenario.payer), self._amount()
        if step.do is not Deed.ODD_TEXTS:
            return self._stage.charge(payer, amount, number=step.attempt)
        odd = {"description": ODD_DESCRIPTION, "metadata": dict(ODD_METADATA)}
        return self._stage.charge(payer, amount, number=step.attempt, **odd)

    def _amount(self) -> Money:
        currency = self._scenario.currency or usual_currency(self._stage)
        return Money(self._scenario.minor, currency)
