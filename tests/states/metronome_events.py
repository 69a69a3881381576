"""What Metronome can answer and send: the rows about releases, notifications, invoice and payer."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from external_gate.domain.charge import Payer
from external_gate.domain.errors import Unavailable
from external_gate.domain.workflow import Verdict
from external_gate.metronome.billing import InvoiceStatus, ReleaseAnswer, ReleaseResult
from external_gate.payers.payer_source import PayerQuestion
from tests.states.bench import WF, Bench, Impossible, answer_line
from tests.states.gateway_events import Event, Rows
from tests.states.situations import INVOICE

R = ReleaseResult


def _proof(bench: Bench, ended: Verdict | None) -> None:
    if ended is Verdict.FAILED:
        bench.billing.void(INVOICE)
    elif ended is Verdict.PAID:
        bench.billing.apply(WF, Verdict.PAID)


def release(
    result: ReleaseResult,
    *,
    ended: Verdict | None = None,
    unreadable: bool = False,
    minutes: int = 0,
    refunds: bool = False,
) -> Event:
    """Answer the next release call, or the one on the wire; then what reading back shows.

    With `minutes` the same answer is given again that much later.
    """

    async def event(bench: Bench) -> None:
        bench.configure(refund_when_unreleasable=refunds)
        _proof(bench, ended)
        bench.billing.down = 1 if unreadable else 0
        if bench.billing.lines:
            await answer_line(bench.billing.lines.pop(), ReleaseAnswer(result))
            await bench.settle_down("next")
        else:
            await _answer_next(bench, result)
        if minutes:
            await _answer_next(bench, result, minutes=minutes)
        if unreadable and bench.billing.down:
            raise Impossible("nothing is read back")

    return event


async def _answer_next(bench: Bench, result: ReleaseResult, *, minutes: int = 0) -> None:
    bench.billing.says.append(ReleaseAnswer(result))
    await bench.go_on(minutes=minutes)
    if bench.billing.says:
        raise Impossible("no release is sent")


def _read_back(result: ReleaseResult, *, minutes: int = 0) -> Rows:
    """Give a row for everything that reading back can show after such an answer."""
    name = f"`{result}`" + (f" for {minutes} min" if minutes else "")
    shown = (("void", Verdict.FAILED), ("committed", Verdict.PAID), ("nothing proven", None))
    return (
        *(
            (f"{name}; read back: {what}", release(result, ended=ended, minutes=minutes))
            for what, ended in shown
        ),
        (f"{name}; not readable now", release(result, unreadable=True, minutes=minutes)),
    )


def _unreleasable(minutes: int) -> Event:
    """See the invoice void, and where `minutes` say so a second time; refunds are configured."""

    async def event(bench: Bench) -> None:
        bench.configure(refund_when_unreleasable=True)
        bench.billing.void(INVOICE)
        await _answer_next(bench, R.REFUSED)
        if minutes:
            bench.clock.advance(minutes=minutes)
            await bench.settle_down("next")

    return event


RELEASES: Rows = (
    ("`done` (2xx)", release(R.DONE)),
    *_read_back(R.ALREADY_COMMITTED),
    *_read_back(R.NOT_COMMITTING),
    *_read_back(R.REFUSED),
    ("`conflict` (409)", release(R.CONFLICT)),
    *_read_back(R.CONFLICT, minutes=11),
    ("`unauthorized` (401, 403)", release(R.UNAUTHORIZED)),
    ("`busy` (408, 429)", release(R.BUSY)),
    ("`failed` (5xx)", release(R.FAILED)),
    ("`unanswered`", release(R.UNANSWERED)),
    ("`not_sent`", release(R.NOT_SENT)),
    ("refunds configured: `refused`, void seen once", _unreleasable(0)),
    ("refunds configured: `refused`, void seen twice, 6 min apart", _unreleasable(6)),
)


LAST_WORDS: Rows = (
    ("`done`", release(R.DONE)),
    ("`unanswered`", release(R.UNANSWERED)),
)


def notification(*, total: str) -> Event:
    """Deliver another notification of the same workflow."""

    async def event(bench: Bench) -> None:
        await bench.receive(WF, total=total)
        await bench.settle_down("next")

    return event


async def waiting_while_notified(bench: Bench) -> None:
    """A repeated delivery must change nothing, so nothing is due either."""
    due = (await bench.workflow()).due_at
    await bench.receive(WF)
    if (await bench.workflow()).due_at != due:
        raise AssertionError("a repeated delivery moved the workflow")


NOTIFICATIONS: Rows = (
    ("the same notification once more", waiting_while_notified),
    ("the same workflow with another total", notification(total="1600")),
)


def trouble(cause: Callable[[Bench], object], *, minutes: float = 0) -> Event:
    """Let something be wrong when the engine prepares a send; `minutes` later it still is."""

    async def event(bench: Bench) -> None:
        reads = bench.billing.reads
        cause(bench)
        await bench.go_on()
        if minutes:
            await bench.go_on(minutes=minutes)
        if bench.billing.reads < reads + 1:
            raise Impossible("nothing is prepared")

    return event


def _invoice(bench: Bench, **changes: object) -> None:
    known = bench.billing.invoices[INVOICE]
    bench.billing.invoices[INVOICE] = replace(known, **changes)  # type: ignore[arg-type]  # names and values of the record


def _payer(bench: Bench, payer: Payer | None) -> None:
    bench.payers.exceptions["cust"] = payer


class SilentPayers:
    """A payer source that does not answer."""

    async def find(self, question: PayerQuestion) -> Payer | None:
        raise Unavailable("the payer source does not answer")


def _silence_payers(bench: Bench) -> None:
    bench.engine = replace(bench.engine, payers=SilentPayers())


def _other_bytes(bench: Bench) -> None:
    bench.gateway.build = lambda charge: b"other bytes"  # type: ignore[method-assign]  # a new version


PREPARING: Rows = (
    ("Metronome does not answer", trouble(lambda b: setattr(b.billing, "down", 99))),
    (
        "Metronome does not answer for 24 h",
        trouble(lambda b: setattr(b.billing, "down", 99), minutes=25 * 60),
    ),
    ("Metronome refuses our token", trouble(lambda b: setattr(b.billing, "refuses_us", True))),
    ("the invoice is not there", trouble(lambda b: b.billing.invoices.clear())),
    ("… for 10 min", trouble(lambda b: b.billing.invoices.clear(), minutes=11)),
    ("the invoice has another total", trouble(lambda b: _invoice(b, total=Decimal(1)))),
    ("the invoice is void", trouble(lambda b: _invoice(b, status=InvoiceStatus.VOID))),
    ("nobody names a payer", trouble(lambda b: _payer(b, None))),
    ("the payer source does not answer", trouble(_silence_payers)),
    ("the payer names an unknown gateway", trouble(lambda b: _payer(b, Payer("c", "p", "x")))),
    ("our gateway is no longer configured", trouble(Bench.lose_gateway)),
    (
        "the gateway does not charge this currency",
        trouble(lambda b: b.can(currencies=frozenset({"EUR"}))),
    ),
    ("the request's bytes would be others", trouble(_other_bytes)),
)
