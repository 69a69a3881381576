"""What a person's command adds to the books: that a threshold went on or off, and after what."""

from dataclasses import replace
from datetime import datetime

from external_gate.domain.aftermath import Aftermath, AftermathChange, Stage
from external_gate.domain.errors import LeaseLost
from external_gate.domain.host_notice import HostNotice, NoticeType
from external_gate.domain.ledger import HistoryEntry
from external_gate.domain.workflow import Actor, State, Workflow
from external_gate.stores.store import Store
from external_gate.thresholds.after_failed import threshold_notice
from external_gate.thresholds.applying import Prepared, Proven

_OVER = frozenset({Stage.ENABLED, Stage.FOLLOWED})


async def note(
    store: Store,
    prepared: Prepared,
    proven: Proven,
    known: list[Workflow],
    *,
    who: str,
    now: datetime,
) -> Aftermath | None:
    """Write a proven change beside the failed workflow it comes after, and tell the host.

    `known` are the contract's workflows from before the change, newest first. Repeated, it notes
    nothing twice. Gives the aftermath that ended with it, if there is one.
    """
    failed = known[0] if known and known[0].state is State.CANCELLED else None
    if proven.threshold.is_enabled and failed is not None:
        noted = await _noted(store, failed, who=who, now=now)
        if noted is not None:
            return noted
    if proven.was_sent and _switched(prepared):
        await store.put_notice(_notice(proven, now))
    return None


async def _noted(store: Store, failed: Workflow, *, who: str, now: datetime) -> Aftermath | None:
    while True:
        found = next(iter(await store.aftermaths([failed.workflow_id])), None)
        if found is None or found.stage in _OVER:
            return None
        told = f"on since {now:%Y-%m-%d %H:%M}Z: by command of {who}"
        after = replace(found, stage=Stage.ENABLED, due_at=None, updated_at=now, detail=told)
        entry = HistoryEntry(now, Actor.PERSON, "threshold_enabled", "thresholds enable", who)
        notice = threshold_notice(found, NoticeType.THRESHOLD_ENABLED, at=now)
        try:
            return await store.save_aftermath(AftermathChange(after, (entry,), notices=(notice,)))
        except LeaseLost:
            continue  # a worker claimed it just now


def _switched(prepared: Prepared) -> bool:
    before = prepared.plan.before
    return before is None or before.is_enabled != prepared.plan.after.is_enabled


def _notice(proven: Proven, now: datetime) -> HostNotice:
    is_on = proven.threshold.is_enabled
    return HostNotice(
        type=NoticeType.THRESHOLD_ENABLED if is_on else NoticeType.THRESHOLD_DISABLED,
        at=now,
        customer_id=proven.contract.customer_id,
        contract_id=proven.contract.contract_id,
    )
