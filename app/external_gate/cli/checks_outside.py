"""What `doctor` asks Metronome: does it know our token, and does it agree about the time?"""

from datetime import datetime, timedelta
from typing import assert_never

from external_gate.cli.checkup import Check, failure, fine, warning
from external_gate.cli.endings import UNREACHABLE
from external_gate.domain.clock import Clock
from external_gate.intake.signature import read_http_date
from external_gate.metronome import wire
from external_gate.outbound.calls import (
    Answered,
    Call,
    CallEnd,
    Caller,
    NeverSent,
    SentUnanswered,
)
from external_gate.settings.model import MetronomeSettings

HARMLESS_READ = "/v1/credit-types/list?limit=1"
"""Needs a token, changes nothing, and every account has one."""

SMALL_DIFFERENCE = timedelta(seconds=60)
"""More than a machine with time service ever shows."""

LARGE_DIFFERENCE = timedelta(minutes=4)
"""A minute short of how far ahead of our clock a notification may be dated."""


async def metronome_checks(
    settings: MetronomeSettings, caller: Caller, clock: Clock
) -> list[Check]:
    """Make one harmless read with the token, and compare clocks by its answer."""
    token = settings.api_token.get_secret_value()
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    began = clock.now()
    end = await caller.call(Call("GET", settings.base_url + HARMLESS_READ, headers))
    middle = began + (clock.now() - began) / 2
    return [reach_check(end, settings.base_url, hide=token), clock_check(end, now=middle)]


def reach_check(end: CallEnd, base_url: str, *, hide: str) -> Check:
    """Judge how the read ended; `hide` never shows."""
    name = "metronome"
    match end:
        case NeverSent(cause) | SentUnanswered(cause):
            return _unreachable(f"{base_url} does not answer: {cause}")
        case Answered(200):
            return fine(name, f"{base_url} answers and knows our token")
        case Answered(401 | 403):
            return failure(
                name,
                f"{base_url} refuses our token: {wire.complaint(end, hide=hide)}",
                cure="make a token at Metronome and give it as metronome.api_token",
            )
        case Answered(status) if status in {408, 429} or status >= 500:
            return _unreachable(f"{base_url} is in trouble: {wire.complaint(end, hide=hide)}")
        case Answered():
            return failure(
                name,
                f"{base_url} answers unlike Metronome: {wire.complaint(end, hide=hide)}",
                cure="see that metronome.base_url is Metronome's address",
            )
        case _:
            assert_never(end)


def _unreachable(sentence: str) -> Check:
    cure = "see that this machine may reach it; until it answers, releases wait and are kept"
    return failure("metronome", sentence, cure=cure, exit_code=UNREACHABLE)


def clock_check(end: CallEnd, *, now: datetime) -> Check:
    """Compare our clock with the date of an answer, which is cut to whole seconds."""
    date = read_http_date(end.headers.get("date", "")) if isinstance(end, Answered) else None
    if date is None:
        return warning(
            "clock", "not compared: no answer had a date", cure="compare it by other means"
        )
    ahead = now - (date + timedelta(milliseconds=500))
    side = "ahead of" if ahead > timedelta(0) else "behind"
    told = f"our clock is {abs(ahead).total_seconds():.1f} s {side} Metronome's"
    cure = "let a time service set it (NTP); more than 5 min behind, notifications are refused"
    if abs(ahead) > LARGE_DIFFERENCE:
        return failure("clock", told, cure=cure)
    if abs(ahead) > SMALL_DIFFERENCE:
        return warning("clock", told, cure=cure)
    return fine("clock", told)
