"""Certifies a payer source: a source that is down must not look like a customer without a payer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from external_gate.domain.charge import Payer
from external_gate.domain.errors import BadInput, Broken, Unavailable
from external_gate.payers.payer_source import PayerQuestion, checked_payer
from external_gate.testkit.payer_report import PayerReport
from external_gate.testkit.payer_rig import GoesDown, KnownPayer, PayerRig
from external_gate.testkit.payer_stage import Asked, PayerStage
from external_gate.testkit.plugin_trial import (
    GRACE_SECONDS,
    SHORT_TIMEOUT_SECONDS,
    TIMEOUT_SECONDS,
    must_not_block,
    must_use_caller,
    play_parts,
    plugin_name,
    texts_of,
)
from external_gate.testkit.proxy_faults import ProxyFault
from external_gate.testkit.stage import SharedCaller
from external_gate.testkit.violation import Notebook

TOGETHER = 12
"""Questions at the same time."""

SILENT = (ProxyFault.HOLD_BEFORE_EFFECT, ProxyFault.DRIP)
DOWN = (
    ProxyFault.REFUSE,
    ProxyFault.DROP_BEFORE_EFFECT,
    ProxyFault.DROP_AFTER_EFFECT,
    ProxyFault.CLOSE_AFTER_EFFECT,
    ProxyFault.TRUNCATE,
    ProxyFault.ERROR_500_BEFORE,
    ProxyFault.ERROR_502_BEFORE,
    ProxyFault.ERROR_503_BEFORE,
    ProxyFault.ERROR_500_AFTER,
    ProxyFault.ERROR_504_AFTER,
    ProxyFault.BUSY_429,
)
STRANGE = (
    ProxyFault.PAGE_404,
    ProxyFault.PAGE_403,
    ProxyFault.PAGE_200,
    ProxyFault.EMPTY_200,
    ProxyFault.GARBAGE_200,
    ProxyFault.OTHER_JSON_200,
    ProxyFault.EMPTY_AFTER_EFFECT,
    ProxyFault.GARBAGE_AFTER_EFFECT,
    ProxyFault.PAGE_AFTER_EFFECT,
    ProxyFault.OTHER_CHARSET,
    ProxyFault.HUGE,
    ProxyFault.REDIRECT,
)
"""An older answer is not replayed: nothing in the answer of a source need name the question."""


async def certify_payers(
    make_rig: Callable[[], PayerRig], *, parts: Iterable["Part"] | None = None
) -> PayerReport:
    """Certify the payer source of a rig; it takes about three seconds.

    `make_rig` gives a fresh rig at every call: the rig's class will do. `parts` are all unless
    given. Raises `Broken` when rig or source cannot be made at all. Whatever the source then does
    ends in the report.
    """
    played = await play_parts(Part if parts is None else parts, make_rig, _play, promise="P6")
    return PayerReport(plugin_name(make_rig().source), played)


class Part(StrEnum):
    """What is tried with a rig of its own."""

    FINDS = "finds"  # those who pay, and nobody
    DOWN = "down"  # whoever is asked is down, busy or silent
    STRANGE = "strange"  # somebody else answers
    BROKEN_RECORDS = "broken_records"
    MANNERS = "manners"  # many questions at once, a slow answer, a cancelled question


@dataclass(frozen=True, slots=True)
class _Trial:
    stage: PayerStage
    book: Notebook

    @property
    def rig(self) -> PayerRig:
        return self.stage.rig

    async def ask(self, question: PayerQuestion, *, fault: ProxyFault | None = None) -> Asked:
        """Ask a fresh source, and judge what is demanded of every answer."""
        seconds = SHORT_TIMEOUT_SECONDS if fault in SILENT else TIMEOUT_SECONDS
        source = self.stage.source(timeout_seconds=seconds)
        asked = await self.stage.ask(source, question, fault=fault)
        self.judge(asked, fault, timeout_seconds=seconds)
        return asked

    def judge(self, asked: Asked, fault: ProxyFault | None, *, timeout_seconds: float) -> None:
        """Judge the manners of one answer."""
        under = f" under {fault}" if fault else ""
        error, calls = asked.error, asked.calls
        in_time = asked.seconds <= timeout_seconds + GRACE_SECONDS
        sentence = f"find took {asked.seconds:.1f} s{under}, timeout_seconds is {timeout_seconds}"
        self.book.must("comes-back-in-time", in_time, sentence, calls)
        ours = error is None or isinstance(error, Unavailable | Broken)
        sentence = f"find raised {type(error).__name__}{under}"
        self.book.must("raises-only-ours", ours or not in_time, sentence, calls)
        bare = not any(self.book.holds_secret(text) for text in texts_of(error))
        sentence = f"an error gave away a secret{under}: {error}"
        self.book.must("secrets-stay-out-of-errors", bare, sentence, calls)
        self.book.must("question-unchanged", not asked.was_changed, "find changed the question")
        if self.stage.proxy is not None and fault is not ProxyFault.REFUSE:
            must_use_caller(self.book, asked)

    def must_not_lie(
        self, asked: Asked, known: KnownPayer, check: str, *, under: ProxyFault | None = None
    ) -> None:
        """The right payer is no lie either: a source may ask again, or have remembered."""
        error = asked.error
        if error is not None and not isinstance(error, Unavailable | Broken):
            return  # that is another finding
        refused = isinstance(error, Broken) and check == "down-is-unavailable"
        honest = not refused if error else asked.answer == known.payer
        what = f"under {under}" if under else "while whoever is asked was down"
        sentence = f"{what} find gave {asked.told()}"
        self.book.must(check, honest, sentence, asked.calls)


async def _finds(trial: _Trial) -> None:
    for known in (*trial.rig.known, *trial.rig.known):
        asked = await trial.ask(known.question)
        if asked.error is None or isinstance(asked.error, Unavailable | Broken):
            sentence = f"{known.payer} was recorded, find gave {asked.told()}"
            trial.book.must("payer-is-found", asked.answer == known.payer, sentence, asked.calls)
    asked = await trial.ask(trial.rig.unknown)
    nobody = asked.error is None and asked.answer is None
    sentence = f"nobody pays, and find gave {asked.told()}"
    trial.book.must("nobody-is-none", nobody, sentence, asked.calls)


async def _is_down(trial: _Trial) -> None:
    first = trial.rig.known[0]
    if trial.stage.proxy is not None:
        for fault in (*DOWN, *SILENT):
            asked = await trial.ask(first.question, fault=fault)
            trial.must_not_lie(asked, first, "down-is-unavailable", under=fault)
            if asked.seconds > SHORT_TIMEOUT_SECONDS + GRACE_SECONDS:
                break  # the others that are silent would take as long
        return
    before = trial.stage.table_asked
    await trial.ask(first.question)
    if trial.stage.table_asked > before:
        trial.stage.table_is_down = True
    elif isinstance(trial.rig, GoesDown):
        await trial.stage.backstage(trial.rig.go_down())
    else:
        return
    asked = await trial.ask(first.question)
    trial.must_not_lie(asked, first, "down-is-unavailable")


async def _is_strange(trial: _Trial) -> None:
    if trial.stage.proxy is None:
        return
    first = trial.rig.known[0]
    for fault in STRANGE:
        asked = await trial.ask(first.question, fault=fault)
        trial.must_not_lie(asked, first, "strange-is-no-answer", under=fault)


async def _has_broken_records(trial: _Trial) -> None:
    for question in trial.rig.broken:
        asked = await trial.ask(question)
        fair = asked.error is not None or asked.answer is None or _is_usable(asked.answer)
        sentence = f"a record that cannot be used became {asked.told()}"
        trial.book.must("broken-record-is-no-payer", fair, sentence, asked.calls)


async def _keeps_manners(trial: _Trial) -> None:
    await _asks_together(trial)
    if trial.stage.proxy is None:
        return
    first = trial.rig.known[0]
    source = trial.stage.source(timeout_seconds=TIMEOUT_SECONDS)

    async def slowly() -> Asked:
        return await trial.stage.ask(source, first.question, fault=ProxyFault.SLOW, heartbeat=True)

    if await must_not_block(trial.book, slowly):
        ended = await trial.stage.cut(source, first.question)
        sentence = "a question whose task was cancelled went on"
        trial.book.must("ends-when-cancelled", ended, sentence)


async def _asks_together(trial: _Trial) -> None:
    source = trial.stage.source(timeout_seconds=TIMEOUT_SECONDS)
    known = [trial.rig.known[number % len(trial.rig.known)] for number in range(TOGETHER)]
    answers = await asyncio.gather(
        *(source.find(one.question) for one in known), return_exceptions=True
    )
    right = all(
        answer == one.payer or isinstance(answer, BaseException)
        for answer, one in zip(answers, known, strict=True)
    )
    sentence = f"of {TOGETHER} questions at the same time one got the answer of another, or none"
    trial.book.must("keeps-questions-apart", right, sentence)


def _is_usable(answer: object) -> bool:
    if not isinstance(answer, Payer):
        return False
    try:
        same = checked_payer(
            customer=answer.customer,
            payment_method=answer.payment_method,
            gateway=answer.gateway or "",
        )
    except BadInput:
        return False
    return same == answer


async def _play(part: Part, rig: PayerRig, caller: SharedCaller, book: Notebook) -> None:
    async with PayerStage(rig, caller) as stage:
        await _PLAYED[part](_Trial(stage, book))


_PLAYED: Mapping[Part, Callable[[_Trial], Awaitable[None]]] = {
    Part.FINDS: _finds,
    Part.DOWN: _is_down,
    Part.STRANGE: _is_strange,
    Part.BROKEN_RECORDS: _has_broken_records,
    Part.MANNERS: _keeps_manners,
}
