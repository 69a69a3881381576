"""Before a send that our books may have forgotten: look all attempt keys up first (design §4).

After a restored backup, and for a notification older than the gateway's memory, the keys are
derived anew and the gateway is asked whether it has seen them.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from external_gate.domain.charge import Lookup
from external_gate.domain.evidence import Attempt, Evidence
from external_gate.domain.identifiers import attempt_key
from external_gate.domain.outcome import Declined, NotFound, Pending, Succeeded
from external_gate.domain.workflow import HeldReason
from external_gate.engine import calling
from external_gate.engine.case import Case
from external_gate.engine.preparing import Later, NeedsPerson
from external_gate.guards.rules import Approval

OLD_WITHOUT_WINDOW = timedelta(hours=12)
"""What counts as an old notification where the gateway publishes no window: half of the shortest
window that is common (24 h)."""

TRY_FOR = timedelta(minutes=15)
"""How long an inconclusive answer is asked for again before a person must look."""


@dataclass(frozen=True, slots=True)
class Clear:
    """The gateway has seen none of the keys, conclusively; or nothing had to be asked."""


@dataclass(frozen=True, slots=True)
class Found:
    """The gateway knows the attempt that was about to be sent."""

    attempt: Attempt
    piece: Evidence


async def recall(case: Case, attempt: Attempt) -> Clear | Found | Later | NeedsPerson:
    """Ask the gateway about every key that could have been sent without our books knowing."""
    if not _is_needed(case, attempt):
        return Clear()
    asked = await _ask_for_all(case, attempt)
    return Clear() if _silence_is_accepted(case) and _is_silence(asked) else asked


async def recall_others(case: Case, declined: Attempt) -> Clear | Later | NeedsPerson:
    """Ask, before `failed` is told of restored books, for attempts that followed a declined one.

    The last one that our books know may not be the last one: the lost life may have charged again,
    and have been paid.
    """
    asked = _without_lookup(case, declined) or await _ask_for_others(case, declined, by_persons=1)
    return Clear() if _silence_is_accepted(case) and _is_silence(asked) else asked


def _silence_is_accepted(case: Case) -> bool:
    return accepted(case.workflow.restored_at) in case.workflow.approvals


def accepted(restored_at: datetime | None) -> str:
    """Give the approval by which a person accepts silence: of this restore and no later one."""
    since = "" if restored_at is None else f":{restored_at.isoformat()}"
    return f"{Approval.RESTORED}{since}"


def _is_silence(asked: Clear | Found | Later | NeedsPerson) -> bool:
    match asked:
        case Found():
            return False
        case NeedsPerson(_, detail):
            return not detail.endswith(_KNOWN)
        case _:
            return True


_KNOWN = "our books do not"


async def _ask_for_all(case: Case, attempt: Attempt) -> Clear | Found | Later | NeedsPerson:
    if (obstacle := _without_lookup(case, attempt)) is not None:
        return obstacle
    first = await _ask(case, attempt)
    return first if not isinstance(first, Clear) else await _ask_for_others(case, attempt)


def _without_lookup(case: Case, attempt: Attempt) -> NeedsPerson | None:
    for name in _gateways_to_ask(case, attempt):
        if case.engine.capabilities(name).lookup is not Lookup.QUERY:
            return NeedsPerson(
                HeldReason.RESTORED,
                f"a charge may be missing from our books, and gateway {name} has no lookup",
            )
    return None


def _gateways_to_ask(case: Case, attempt: Attempt) -> list[str]:
    """Give where a forgotten charge could be: the payer may have moved since to another gateway."""
    if case.workflow.restored_at is None:
        return [attempt.gateway]
    return [attempt.gateway, *sorted(set(case.engine.gateways) - {attempt.gateway})]


async def _ask_for_others(
    case: Case, attempt: Attempt, *, by_persons: int = 0
) -> Clear | Later | NeedsPerson:
    """Ask for later attempts, and at other gateways: a charge there is left to a person.

    `by_persons` is how many attempts beyond the schedule a person may have had made.
    """
    for name in _gateways_to_ask(case, attempt):
        for number in range(1, _last_number(case, attempt) + by_persons + 1):
            known = next((a for a in case.dossier.attempts if a.number == number), None)
            if name == attempt.gateway and (number == attempt.number or known is not None):
                continue  # just asked, or a dead one of our own books
            if known is not None and known.gateway == name:
                continue
            found = await _ask(case, replace(_numbered(attempt, number), gateway=name))
            if isinstance(found, Found):
                return NeedsPerson(
                    HeldReason.RESTORED,
                    f"gateway {name} knows attempt {number} "
                    f"({type(found.piece.answer).__name__.lower()}), {_KNOWN}",
                )
            if not isinstance(found, Clear):
                return found
    return Clear()


def _is_needed(case: Case, attempt: Attempt) -> bool:
    workflow = case.workflow
    if workflow.restored_at is not None:
        return True
    if any(known.sends for known in (attempt, *case.dossier.attempts)):
        return False  # our books remember: it is not the first send
    usable = case.engine.capabilities(attempt.gateway).usable_window or OLD_WITHOUT_WINDOW
    latest = case.engine.high_water.latest(case.engine.clock.now())
    return latest - workflow.received_at > usable


def _last_number(case: Case, attempt: Attempt) -> int:
    """Give the highest number that the schedule could have reached without our books knowing."""
    return attempt.number + len(case.engine.policy.soft_decline_schedule)


def _numbered(attempt: Attempt, number: int) -> Attempt:
    key = attempt_key(attempt.charge.workflow_id, number)
    return replace(
        attempt,
        number=number,
        charge=replace(attempt.charge, attempt_key=key),
        evidence=(),
        sends=0,
        first_sent_at=None,
        send_deadline=None,
        last_possible_send=None,
    )


async def _ask(case: Case, attempt: Attempt) -> Clear | Found | Later | NeedsPerson:
    piece = await calling.look_up(case.engine, attempt)
    match piece.answer:
        case NotFound(conclusive=True) if piece.asked_at >= _visible_from(case, attempt):
            return Clear()
        case Succeeded() | Declined() | Pending():
            begun = attempt.first_sent_at or case.workflow.received_at
            return Found(replace(attempt, first_sent_at=begun), piece)
        case _:
            return _ask_again(case)


def _visible_from(case: Case, attempt: Attempt) -> datetime:
    """Give when a charge that left before the restore would be visible at the latest."""
    capabilities = case.engine.capabilities(attempt.gateway)
    last = attempt.last_possible_send
    if case.workflow.restored_at is not None:
        forgotten = case.workflow.restored_at + capabilities.request_timeout
        last = max(last, forgotten) if last is not None else forgotten
    return (last or case.workflow.received_at) + capabilities.visibility_lag


def _ask_again(case: Case) -> Later | NeedsPerson:
    since = case.workflow.trying_since
    if since is not None and case.engine.clock.now() - since >= TRY_FOR:
        return NeedsPerson(HeldReason.RESTORED, "the gateway cannot tell whether it was charged")
    return Later("an earlier charge may be missing from our books; the gateway cannot tell yet")
