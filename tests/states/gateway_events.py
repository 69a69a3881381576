"""What a gateway can say: the rows about charges, lookups, cancels, refunds and notices."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from external_gate.domain.charge import Cancel, Capabilities, Charge, KeyStores
from external_gate.domain.evidence import Evidence, Source
from external_gate.domain.money import Money
from external_gate.domain.outcome import (
    Answer,
    Misconfigured,
    NotFound,
    NotSent,
    Pending,
    Succeeded,
    TooLate,
    Undo,
    Undone,
    UndoPending,
    UndoUnknown,
    Unknown,
)
from external_gate.domain.workflow import State, Verdict
from external_gate.stores.store_records import NewNotice
from tests.engine.world import NOTHING, REPLAY
from tests.states.bench import WF, Bench, Impossible, Say, answer_line
from tests.states.situations import (
    INVOICE,
    absent,
    declined_hard,
    declined_soft,
    pending,
    succeeded,
)

Event = Callable[[Bench], Awaitable[None]]
Rows = tuple[tuple[str, Event], ...]
ONE_MORE = (timedelta(hours=1), timedelta(hours=1), timedelta(hours=1))
TURNS = timedelta(days=3)


def wrong_amount(charge: Charge) -> Answer:
    return Succeeded("ch_1", Money(charge.amount.minor - 1, "USD"), str(charge.attempt_key))


def wrong_reference(charge: Charge) -> Answer:
    return Succeeded("ch_1", charge.amount, "of something else")


def another_charge(charge: Charge) -> Answer:
    return Succeeded("ch_2", charge.amount, str(charge.attempt_key))


def said(answer: object) -> Say:
    """Say the same whatever the charge is; also what no gateway may say."""
    return lambda _charge: answer  # type: ignore[return-value]  # an adapter's bug is a row too


SENDS_CUSTOMER = Pending("ch_1", needs_customer=True, action_url="https://bank.example/act")
NEEDS_CUSTOMER = Pending("ch_1", needs_customer=True)


def answer(
    say: Say,
    *,
    schedule: tuple[timedelta, ...] = (),
    final_after: timedelta = timedelta(0),
    undo: Undo | None = None,
) -> Event:
    """Answer the charge that has been on the wire longest."""

    async def event(bench: Bench) -> None:
        bench.configure(soft_decline_schedule=schedule)
        bench.can(failed_is_final_after=final_after)
        if not bench.gateway.lines:
            raise Impossible("nothing was ever sent")
        if undo is not None:
            bench.gateway.undos.append(undo)
        line = bench.gateway.lines[-1]
        assert line.charge is not None
        await answer_line(line, say(line.charge))
        await bench.settle_down("next")
        if undo is not None and bench.gateway.undos:
            raise Impossible("nothing is cancelled")

    return event


ANSWERS: Rows = (
    ("Succeeded", answer(succeeded)),
    ("Succeeded, another amount", answer(wrong_amount)),
    ("Succeeded, another reference", answer(wrong_reference)),
    ("Declined soft, the schedule has another try", answer(declined_soft, schedule=ONE_MORE)),
    ("Declined soft, no try left", answer(declined_soft)),
    ("Declined hard", answer(declined_hard, schedule=ONE_MORE)),
    ("Declined, may still turn", answer(declined_hard, final_after=TURNS)),
    ("Pending", answer(pending)),
    ("Pending, the customer has an address to act at", answer(said(SENDS_CUSTOMER))),
    ("Pending, the customer has none, cancel unknown", answer(said(NEEDS_CUSTOMER))),
    ("Pending, the customer has none, cancelled", answer(said(NEEDS_CUSTOMER), undo=Undone())),
    (
        "… cancelled, the schedule has another try",
        answer(said(NEEDS_CUSTOMER), undo=Undone(), schedule=ONE_MORE),
    ),
    ("Unknown", answer(said(Unknown("timeout")))),
    ("NotSent", answer(said(NotSent("connection refused")))),
    ("Misconfigured", answer(said(Misconfigured("the api key is unknown")))),
    ("no answer of the contract's (a bug in the adapter)", answer(said(None))),
)


def look(
    say: Say,
    *,
    early: bool = False,
    final_after: timedelta = timedelta(0),
    undo: Undo | None = None,
    key_stores: KeyStores = KeyStores.EVERY_ANSWER,
) -> Event:
    """Answer the next lookup; `early` means before the last possible send was over."""

    async def event(bench: Bench) -> None:
        bench.can(failed_is_final_after=final_after, key_stores=key_stores)
        bench.gateway.finds.append(say)
        if undo is not None:
            bench.gateway.undos.append(undo)
        await bench.until_due()
        if early:
            last = (await bench.newest_attempt()).last_possible_send
            if last is None or bench.clock.now() >= last:
                raise Impossible("nobody looks that early")
        else:
            bench.clock.advance(minutes=1)
        await bench.settle_down("next")
        if bench.gateway.finds:
            raise Impossible("nobody looks")
        if undo is not None and bench.gateway.undos:
            raise Impossible("nothing is cancelled")

    return event


LOOKUPS: Rows = (
    ("Succeeded", look(succeeded)),
    ("Succeeded, another amount", look(wrong_amount)),
    ("Declined soft, no try left", look(declined_soft)),
    ("Declined hard", look(declined_hard)),
    ("Declined, may still turn", look(declined_hard, final_after=TURNS)),
    ("Pending", look(pending)),
    ("Pending, the customer has an address to act at", look(said(SENDS_CUSTOMER))),
    ("Pending, the customer has none, cancelled", look(said(NEEDS_CUSTOMER), undo=Undone())),
    ("NotFound, conclusive, asked after the last possible send", look(absent)),
    ("NotFound, conclusive, asked before it", look(absent, early=True)),
    ("NotFound, inconclusive", look(said(NotFound(conclusive=False)))),
    ("Unknown", look(said(Unknown("the search is down")))),
    ("NotSent", look(said(NotSent("connection refused")))),
    ("Misconfigured", look(said(Misconfigured("the api key is unknown")))),
)


def undo_pending(
    undo: Undo | None, *, found: Say = pending, cancel: Cancel = Cancel.BY_KEY
) -> Event:
    """Let the pending deadline pass; look up once more, then ask for a cancel."""

    async def event(bench: Bench) -> None:
        bench.can(cancel=cancel)
        if undo is not None:
            bench.gateway.undos.append(undo)
        bench.gateway.always_finds = found
        deadline = (await bench.workflow()).pending_deadline
        if deadline is None:
            raise Impossible("no deadline runs")
        bench.clock.instant = max(bench.clock.now(), deadline)
        await bench.settle_down("next")
        if bench.gateway.undos:
            raise Impossible("nothing is cancelled")

    return event


CANCELS: Rows = (
    ("Undone", undo_pending(Undone())),
    (
        "Undone, of a gateway that cancels by charge",
        undo_pending(Undone(), cancel=Cancel.BY_CHARGE),
    ),
    ("UndoPending", undo_pending(UndoPending())),
    ("TooLate", undo_pending(TooLate("submitted"))),
    ("UndoUnknown", undo_pending(UndoUnknown("timeout"))),
    ("the lookup before it finds Succeeded", undo_pending(None, found=succeeded)),
    ("the lookup before it finds Declined", undo_pending(None, found=declined_hard)),
    ("the gateway cannot cancel", undo_pending(None, cancel=Cancel.NONE)),
)


def refund(undo: Undo, *, ended: Verdict | None = None, days: int = 0) -> Event:
    """Answer the refund; `ended` is how Metronome's own workflow has ended by then."""

    async def event(bench: Bench) -> None:
        if ended is Verdict.FAILED:
            bench.billing.void(INVOICE)
        elif ended is Verdict.PAID:
            bench.billing.apply(WF, Verdict.PAID)
        bench.gateway.undos.append(undo)
        await bench.go_on(days=days)
        if bench.gateway.undos:
            raise Impossible("no refund is asked for")

    return event


REFUNDS: Rows = (
    ("Undone; the invoice is void", refund(Undone(), ended=Verdict.FAILED)),
    ("Undone; Metronome has committed", refund(Undone(), ended=Verdict.PAID)),
    ("Undone; nothing is proven", refund(Undone())),
    ("UndoPending", refund(UndoPending())),
    ("UndoPending after two days", refund(UndoPending(), days=2)),
    ("TooLate", refund(TooLate("settled"))),
    ("UndoUnknown", refund(UndoUnknown("timeout"))),
    ("UndoUnknown after two days", refund(UndoUnknown("timeout"), days=2)),
)


def notice(say: Say, *, final_after: timedelta = timedelta(0)) -> Event:
    """Append a verified notice to the newest attempt, and let whoever is free read it."""

    async def event(bench: Bench) -> None:
        bench.can(failed_is_final_after=final_after)
        attempt = await bench.newest_attempt()
        now = bench.clock.now()
        piece = Evidence(Source.NOTICE, say(attempt.charge), now, now)
        await bench.store.append_evidence(attempt.charge.attempt_key, [piece])
        await bench.settle_down("next")

    return event


NOTICES: Rows = (
    ("Succeeded", notice(succeeded)),
    ("Succeeded, another amount", notice(wrong_amount)),
    ("Succeeded, another charge", notice(another_charge)),
    ("Declined soft", notice(declined_soft)),
    ("Declined hard", notice(declined_hard)),
    ("Declined, may still turn", notice(declined_hard, final_after=TURNS)),
    ("Pending", notice(pending)),
    ("Pending, the customer must act, without an address", notice(said(NEEDS_CUSTOMER))),
    ("Unknown", notice(said(Unknown("an event of no known kind")))),
)


def hint(say: Say | None, *, also: Capabilities | None = None) -> Event:
    """Let the gateway say "look again" about the newest attempt; `say` is what a look finds then.

    With `also` of another kind; without `say` nothing may be asked for.
    """

    async def event(bench: Bench) -> None:
        if also is not None:
            bench.can(lookup=also.lookup)
        attempt = await bench.newest_attempt()
        if say is not None:
            bench.gateway.finds.append(say)
        calls = len(bench.gateway.calls)
        key, now = attempt.charge.attempt_key, bench.clock.now()
        await bench.store.record_notices([NewNotice("main", "evt", key, None, False, now)])
        await bench.settle_down("next")
        if say is not None and bench.gateway.finds:
            raise Impossible("a call is on the wire: the look follows it")
        if say is None and len(bench.gateway.calls) != calls:
            raise AssertionError("a hint led to a call of a gateway that cannot be looked up")

    return event


HINTS: Rows = (
    ("a look finds Succeeded", hint(succeeded)),
    ("a look finds Succeeded, another amount", hint(wrong_amount)),
    ("a look finds Succeeded, another charge", hint(another_charge)),
    ("a look finds Declined hard", hint(declined_hard)),
    ("a look finds Pending", hint(pending)),
    ("a look finds nothing, conclusively", hint(absent)),
    ("a look tells nothing", hint(said(Unknown("the search is down")))),
    ("the gateway is asked by re-send", hint(None, also=REPLAY)),
    ("the gateway has no lookup", hint(None, also=NOTHING)),
)


async def taken_over(bench: Bench) -> None:
    """Whoever had it claimed is lost; its lease ends and another worker claims it."""
    if (await bench.workflow()).state is not State.CHARGING and not bench.billing.lines:
        await bench.until_due()
        now, lease = bench.clock.now(), timedelta(seconds=60)
        claimed = await bench.store.claim(owner="lost", now=now, lease=lease, limit=1)
        if not claimed:
            raise Impossible("nobody has anything to do with it")
        bench.clock.advance(seconds=61)
        await bench.settle_down("next")
    else:
        await bench.go_on()
