"""Certifies a notice sink: what the receiver has not said that it has must not count as told."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from external_gate.domain.clock import EPOCH
from external_gate.notices.notice_sink import Gone, NotTaken, OutgoingNotice, Taken
from external_gate.testkit.plugin_stage import Tried
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
from external_gate.testkit.sink_report import SinkReport
from external_gate.testkit.sink_rig import SinkRig, TakenNotice
from external_gate.testkit.sink_stage import SinkStage
from external_gate.testkit.stage import SharedCaller
from external_gate.testkit.violation import Notebook

TOGETHER = 8
"""Notices at the same time, as many as the courier sends."""

SILENT = (ProxyFault.HOLD_BEFORE_EFFECT, ProxyFault.HOLD_AFTER_EFFECT)
UNCLEAR = (
    ProxyFault.REFUSE,
    ProxyFault.DROP_BEFORE_EFFECT,
    ProxyFault.DROP_AFTER_EFFECT,
    ProxyFault.CLOSE_AFTER_EFFECT,
    ProxyFault.ERROR_500_BEFORE,
    ProxyFault.ERROR_502_BEFORE,
    ProxyFault.ERROR_503_BEFORE,
    ProxyFault.ERROR_500_AFTER,
    ProxyFault.ERROR_504_AFTER,
    ProxyFault.BUSY_429,
    ProxyFault.CONFLICT_409,
    ProxyFault.PAGE_404,
    ProxyFault.PAGE_403,
    ProxyFault.REDIRECT,
)
"""After none of these has the receiver said that it has the notice, though it may have it."""


async def certify_sink(
    make_rig: Callable[[], SinkRig], *, parts: Iterable["SinkPart"] | None = None
) -> SinkReport:
    """Certify the notice sink of a rig; it takes about four seconds.

    `make_rig` gives a fresh rig at every call: the rig's class will do. `parts` are all unless
    given. Raises `Broken` when rig or sink cannot be made at all. Whatever the sink then does ends
    in the report.
    """
    played = await play_parts(SinkPart if parts is None else parts, make_rig, _play, promise="P8")
    return SinkReport(plugin_name(make_rig().sink), played)


class SinkPart(StrEnum):
    """What is tried with a rig of its own."""

    ARRIVES = "arrives"
    UNCLEAR = "unclear"  # the receiver is down, busy, silent, or somebody else answers
    PRIVATE = "private"  # an address that the endpoint may not use
    MANNERS = "manners"  # many notices at once, a slow answer, a cancelled try


@dataclass(frozen=True, slots=True)
class _Trial:
    stage: SinkStage
    book: Notebook

    async def deliver(self, notice: OutgoingNotice, *, fault: ProxyFault | None = None) -> Tried:
        """Try with a fresh sink, and judge what is demanded of every try."""
        seconds = SHORT_TIMEOUT_SECONDS if fault in SILENT else TIMEOUT_SECONDS
        sink = self.stage.sink(timeout_seconds=seconds)
        tried = await self.stage.deliver(sink, notice, fault=fault)
        self.judge(tried, fault, timeout_seconds=seconds)
        return tried

    def judge(self, tried: Tried, fault: ProxyFault | None, *, timeout_seconds: float) -> None:
        """Judge the manners of one try."""
        under = f" under {fault}" if fault else ""
        error, calls = tried.error, tried.calls
        in_time = tried.seconds <= timeout_seconds + GRACE_SECONDS
        sentence = f"deliver took {tried.seconds:.1f} s{under}, timeout is {timeout_seconds} s"
        self.book.must("comes-back-in-time", in_time, sentence, calls)
        ours = error is None and isinstance(tried.answer, Taken | NotTaken | Gone)
        sentence = f"deliver gave {tried.told()}{under}"
        self.book.must("raises-nothing", ours or not in_time, sentence, calls)
        bare = not any(self.book.holds_secret(text) for text in _texts(tried))
        sentence = f"a cause gave away a secret{under}: {_texts(tried)}"
        self.book.must("secrets-stay-out-of-causes", bare, sentence, calls)
        sentence = f"one deliver sent {len(calls)} times{under}"
        self.book.must("no-hidden-retry", len(calls) <= 1, sentence, calls)
        if fault is not ProxyFault.REFUSE:
            must_use_caller(self.book, tried)


async def _arrives(trial: _Trial) -> None:
    for notice in (_notice(1), _notice(1), _notice(2)):  # a repeated try, and another notice
        before = len(trial.stage.taken)
        tried = await trial.deliver(notice)
        got = trial.stage.taken[before:]
        arrived = isinstance(tried.answer, Taken) and bool(got)
        sentence = f"the receiver took {len(got)}, and deliver gave {tried.told()}"
        trial.book.must("notice-arrives", arrived, sentence, tried.calls)
        same = all(one == _as_taken(notice) for one in got)
        sentence = "the receiver got another body or message id than the notice has"
        trial.book.must("bytes-unchanged", same, sentence, tried.calls)


async def _is_unclear(trial: _Trial) -> None:
    for number, fault in enumerate((*UNCLEAR, *SILENT)):
        tried = await trial.deliver(_notice(number), fault=fault)
        sentence = f"under {fault} deliver gave {tried.told()}"
        honest = not isinstance(tried.answer, Taken)
        trial.book.must("unclear-is-not-taken", honest, sentence, tried.calls)
        patient = not isinstance(tried.answer, Gone)
        trial.book.must("does-not-give-up-by-itself", patient, sentence, tried.calls)
        if tried.seconds > SHORT_TIMEOUT_SECONDS + GRACE_SECONDS:
            break  # the others that are silent would take as long


async def _is_private(trial: _Trial) -> None:
    by_name = trial.stage.url.replace("127.0.0.1", "localhost")
    for url in (trial.stage.url, by_name):
        sink = trial.stage.sink(timeout_seconds=TIMEOUT_SECONDS, url=url, allow_private=False)
        tried = await trial.stage.deliver(sink, _notice(1))
        kept_back = not tried.calls and isinstance(tried.answer, NotTaken)
        sentence = f"{len(tried.calls)} calls went to a private address: {tried.told()}"
        trial.book.must("private-only-when-allowed", kept_back, sentence, tried.calls)


async def _keeps_manners(trial: _Trial) -> None:
    await _sends_together(trial)
    sink = trial.stage.sink(timeout_seconds=TIMEOUT_SECONDS)

    async def slowly() -> Tried:
        return await trial.stage.deliver(sink, _notice(1), fault=ProxyFault.SLOW, heartbeat=True)

    if await must_not_block(trial.book, slowly):
        ended = await trial.stage.cut(sink, _notice(1))
        trial.book.must("ends-when-cancelled", ended, "a try whose task was cancelled went on")


async def _sends_together(trial: _Trial) -> None:
    sink = trial.stage.sink(timeout_seconds=TIMEOUT_SECONDS)
    notices = [_notice(number) for number in range(TOGETHER)]
    await asyncio.gather(*(sink.deliver(one) for one in notices), return_exceptions=True)
    got = sorted((one.message_id, one.body) for one in trial.stage.taken)
    wanted = sorted((one.message_id, one.body) for one in notices)
    sentence = f"of {TOGETHER} notices at the same time {len(got)} arrived, not each as itself"
    trial.book.must("keeps-notices-apart", got == wanted, sentence)


def _notice(number: int) -> OutgoingNotice:
    # Blanks and the order of names tell whether the body was written anew.
    body = f'{{"type": "workflow.held",  "data":{{"sequence": {number}, "amount": null}} }}'
    return OutgoingNotice(
        message_id=f"msg_certified{number}",
        type="workflow.held",
        at=EPOCH,
        body=body.encode("ascii"),
    )


def _as_taken(notice: OutgoingNotice) -> TakenNotice:
    return TakenNotice(notice.message_id, notice.body)


def _texts(tried: Tried) -> list[str]:
    return [repr(tried.answer), *texts_of(tried.error)]


async def _play(part: SinkPart, rig: SinkRig, caller: SharedCaller, book: Notebook) -> None:
    async with SinkStage(rig, caller) as stage:
        await _PLAYED[part](_Trial(stage, book))


_PLAYED: Mapping[SinkPart, Callable[[_Trial], Awaitable[None]]] = {
    SinkPart.ARRIVES: _arrives,
    SinkPart.UNCLEAR: _is_unclear,
    SinkPart.PRIVATE: _is_private,
    SinkPart.MANNERS: _keeps_manners,
}
