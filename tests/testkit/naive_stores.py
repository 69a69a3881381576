"""Stores as they are written in a hurry, with one fault each; below them is the one on SQLite."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from external_gate.domain.aftermath import Aftermath, AftermathChange, ContractStanding
from external_gate.domain.charge import Payer
from external_gate.domain.clock import to_milliseconds
from external_gate.domain.errors import BadInput, LeaseLost
from external_gate.domain.evidence import Evidence, Source
from external_gate.domain.host_notice import DueNotice
from external_gate.domain.identifiers import AttemptKey, CustomerId, WorkflowId
from external_gate.domain.ledger import (
    NOTHING_MORE,
    Allow,
    Defer,
    GuardVerdict,
    HistoryEntry,
    Ledger,
)
from external_gate.domain.workflow import Workflow
from external_gate.stores.host_notice_rules import notices_of_save
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.store_records import (
    Change,
    Dossier,
    GuardSpoke,
    NewNotice,
    NewNotification,
    NoticeReceipt,
    NoticeTaken,
    Receipt,
    Recorded,
    WorkflowFilter,
)


class Careful(SqliteStore):
    """The good store, open to one fault."""

    def by_hand(self, statement: str, *values: object) -> list[Any]:
        """Run a statement past the good store."""
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            return connection.execute(statement, values).fetchall()


class LeavesInTheInbox(Careful):
    """Records what waits, and takes nothing out."""

    async def record_from_inbox(
        self, number: int, notification: NewNotification
    ) -> Recorded | None:
        self._rush.ends()  # so that it is recorded, and not kept once more
        return await self.record(notification)


class ClaimsInTwoSteps(Careful):
    """Reads what is due, then leases it, whoever was quicker in between."""

    async def claim(
        self, *, owner: str, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[Dossier]:
        due = self.by_hand(
            "SELECT workflow_id FROM workflows WHERE claimable_at <= ?"
            " ORDER BY claimable_at, workflow_id LIMIT ?",
            to_milliseconds(now),
            limit,
        )
        taken = []
        for (workflow_id,) in due:
            try:
                dossier = await self.acquire(workflow_id, owner=owner, now=now, lease=lease)
            except LeaseLost:
                found = await self.dossier(workflow_id)
                assert found is not None
                dossier = found
            taken.append(dossier)
        return taken


class IgnoresFence(Careful):
    """Saves under whatever fence is the newest."""

    async def save(self, change: Change) -> Dossier:
        now = await self.dossier(change.after.workflow_id)
        return await super().save(replace(change, fence=now.workflow.fence) if now else change)


class FencesEvidence(Careful):
    """Looks at the fence first, and drops the whole change with its evidence."""

    async def save(self, change: Change) -> Dossier:
        now = await self.dossier(change.after.workflow_id)
        if now is not None and now.workflow.fence != change.fence:
            raise LeaseLost(f"{now.workflow.workflow_id} is another's")
        return await super().save(change)


class OverlooksEvidence(Careful):
    """Decides on what was read, whatever has arrived since."""

    async def save(self, change: Change) -> Dossier:
        now = await self.dossier(change.after.workflow_id)
        newest = now.newest_evidence if now else 0
        return await super().save(replace(change, newest_evidence=newest))


class ForgetsWhatWasRead(Careful):
    """Writes `evidence_read` as the decision found it, not as the save leaves it."""

    async def save(self, change: Change) -> Dossier:
        saved = await super().save(change)
        workflow_id, read = saved.workflow.workflow_id, change.newest_evidence
        self.by_hand(
            "UPDATE workflows SET evidence_read = ? WHERE workflow_id = ?", read, workflow_id
        )
        return replace(saved, workflow=replace(saved.workflow, evidence_read=read))


class GivesBackBlindly(Careful):
    """Gives back until `due_at`, whatever look or evidence waits."""

    async def give_back(
        self, leases: Sequence[tuple[WorkflowId, int]], *, due_at: datetime | None
    ) -> None:
        await super().give_back(leases, due_at=due_at)
        at = None if due_at is None else to_milliseconds(due_at)
        for workflow_id, fence in leases:
            self.by_hand(
                "UPDATE workflows SET claimable_at = ?"
                " WHERE workflow_id = ? AND fence = ? AND lease_until IS NULL",
                at,
                workflow_id,
                fence,
            )


class AsksGuardsBefore(Careful):
    """Asks the guards in one transaction, and saves in the next."""

    async def save(self, change: Change) -> Dossier:
        judge = change.judge
        if judge is None:
            return await super().save(change)
        said: list[GuardVerdict] = []

        def only_asked(ledger: Ledger) -> GuardVerdict:
            said.append(judge(ledger))
            return Defer("asked")

        try:
            await super().save(replace(change, judge=only_asked))
        except GuardSpoke:
            if not isinstance(said[0], Allow):
                raise GuardSpoke(said[0]) from None
        await asyncio.sleep(0.05)  # as long as another process needs for the same
        again = await self.dossier(change.after.workflow_id)
        assert again is not None
        settled = replace(change, evidence=(), judge=None, newest_evidence=again.newest_evidence)
        return await super().save(settled)


class RemembersNoticesInMemory(Careful):
    """Knows a notice by what this process has seen, and makes it evidence when it has not."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._seen: set[tuple[str, str]] = set()

    async def record_notices(self, notices: Sequence[NewNotice]) -> Sequence[NoticeTaken]:
        taken = await super().record_notices(notices)
        for notice, came in zip(notices, taken, strict=True):
            event = (notice.gateway, notice.event_id)
            was_known = came.receipt is NoticeReceipt.DUPLICATE
            if was_known and event not in self._seen and notice.is_proof and notice.outcome:
                at = notice.received_at
                piece = Evidence(Source.NOTICE, notice.outcome, asked_at=at, at=at, send=0)
                await super().append_evidence(notice.attempt_key, [piece])
            self._seen.add(event)
        return taken


class KnowsDeliveriesByIdAlone(Careful):
    """Takes another body under a known id for the same delivery."""

    async def record(self, notification: NewNotification) -> Recorded:
        for kept in await self.notifications(limit=99):
            same_id = kept.notification_id == notification.notification_id
            if same_id and kept.digest != notification.digest:
                return Recorded(Receipt.DUPLICATE, kept.number, kept.workflow_id)
        return await super().record(notification)


class KeepsPayersInMemory(Careful):
    """A cache that is written through at some later time, which never comes."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._payers: dict[CustomerId, Payer] = {}

    async def put_payers(self, payers: Mapping[CustomerId, Payer]) -> None:
        self._payers.update(payers)

    async def payer(self, customer_id: CustomerId) -> Payer | None:
        return self._payers.get(customer_id)

    async def payers(
        self, *, limit: int, after: CustomerId | None = None
    ) -> Sequence[tuple[CustomerId, Payer]]:
        behind = sorted(row for row in self._payers.items() if after is None or row[0] > after)
        return behind[:limit]

    async def remove_payer(self, customer_id: CustomerId) -> bool:
        return self._payers.pop(customer_id, None) is not None


class AcknowledgesBeforeCommit(Careful):
    """Says that evidence is kept, and commits it together with whatever comes next."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._waiting: list[tuple[AttemptKey, Sequence[Evidence]]] = []

    async def append_evidence(
        self, key: AttemptKey, evidence: Sequence[Evidence]
    ) -> WorkflowId | None:
        rows = self.by_hand("SELECT workflow_id FROM attempts WHERE attempt_key = ?", key)
        if not rows:
            return None
        self._waiting.append((key, evidence))
        return WorkflowId(rows[0][0])

    async def _flush(self) -> None:
        while self._waiting:
            await super().append_evidence(*self._waiting.pop(0))

    async def dossier(self, workflow_id: WorkflowId) -> Dossier | None:
        await self._flush()
        return await super().dossier(workflow_id)

    async def claim(self, **wanted: Any) -> Sequence[Dossier]:
        await self._flush()
        return await super().claim(**wanted)

    async def save(self, change: Change) -> Dossier:
        await self._flush()
        return await super().save(change)

    async def close(self) -> None:
        if self._open is not None:
            await self._flush()
        await super().close()


class LetsTimeRunBackwards(Careful):
    """Writes the mark that it was given."""

    async def heartbeat(self, now: datetime) -> datetime:
        await super().heartbeat(now)
        self.by_hand(
            "UPDATE meta SET value = ? WHERE name = 'high_water'", str(to_milliseconds(now))
        )
        return now


class WakesNobody(Careful):
    """Appends evidence, and leaves the workflow asleep."""

    async def append_evidence(
        self, key: AttemptKey, evidence: Sequence[Evidence]
    ) -> WorkflowId | None:
        rows = self.by_hand(
            "SELECT claimable_at FROM workflows JOIN attempts USING (workflow_id)"
            " WHERE attempt_key = ?",
            key,
        )
        workflow_id = await super().append_evidence(key, evidence)
        if workflow_id is not None:
            self.by_hand(
                "UPDATE workflows SET claimable_at = ? WHERE workflow_id = ?",
                *rows[0],
                workflow_id,
            )
        return workflow_id


class OverwritesHolds(Careful):
    """Writes the whole row as the decision knew it, and so nobody's wish to hold."""

    async def save(self, change: Change) -> Dossier:
        saved = await super().save(change)
        if change.after.hold_wanted is not None:
            return saved
        self.by_hand(
            "UPDATE workflows SET hold_wanted = NULL, hold_wanted_detail = ''"
            " WHERE workflow_id = ?",
            saved.workflow.workflow_id,
        )
        return replace(
            saved, workflow=replace(saved.workflow, hold_wanted=None, hold_wanted_detail="")
        )


class TellsWhatFailed(Careful):
    """Tells the host in a transaction of its own, whatever became of the save."""

    async def save(self, change: Change) -> Dossier:
        try:
            return await super().save(change)
        except LeaseLost:
            for notice in notices_of_save(change, Dossier(change.after)):
                await self.put_notice(notice)
            raise


class LeasesNoAftermath(Careful):
    """Gives what is due after failed payments to whoever asks, also while another works on it."""

    async def claim_aftermaths(
        self, *, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[Aftermath]:
        return await super().claim_aftermaths(now=now, lease=timedelta(0), limit=limit)


class TellsJudgesNothing(Careful):
    """Asks who judges whether a threshold may go on, and tells them of a contract without news."""

    async def save_aftermath(self, change: AftermathChange) -> Aftermath:
        judge = change.judge
        if judge is None:
            return await super().save_aftermath(change)
        blind = replace(change, judge=lambda _: judge(ContractStanding()))
        return await super().save_aftermath(blind)


class LeasesNoNotice(Careful):
    """Whoever asks for notices gets them, also while another tries them."""

    async def claim_notices(
        self, endpoint: str, *, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[DueNotice]:
        return await super().claim_notices(endpoint, now=now, lease=timedelta(0), limit=limit)


class MovesDueAt(Careful):
    """Takes `due_at` for the time at which a workflow can be claimed."""

    async def claim(
        self, *, owner: str, now: datetime, lease: timedelta, limit: int
    ) -> Sequence[Dossier]:
        taken = await super().claim(owner=owner, now=now, lease=lease, limit=limit)
        return [replace(one, workflow=replace(one.workflow, due_at=now + lease)) for one in taken]


class CountsInFloats(Careful):
    """Lets a total through a float."""

    async def record(self, notification: NewNotification) -> Recorded:
        workflow = notification.workflow
        if workflow is not None and workflow.facts.total is not None:
            rounded = replace(workflow.facts, total=Decimal(str(float(workflow.facts.total))))
            notification = replace(notification, workflow=replace(workflow, facts=rounded))
        return await super().record(notification)


class LetsDriverRaise(Careful):
    """Raises whatever the driver raises."""

    def _translate(self, error: Exception) -> Exception:
        return error


class TrustsItsCode(Careful):
    """A schema without triggers: the code never does such a thing."""

    async def open(self) -> None:
        await super().open()
        for (name,) in self.by_hand("SELECT name FROM sqlite_schema WHERE type = 'trigger'"):
            self.by_hand(f"DROP TRIGGER {name}")


class TellsGuardsNothing(Careful):
    """Asks the guards without looking who else has the invoice."""

    async def save(self, change: Change) -> Dossier:
        judge = change.judge
        if judge is None:
            return await super().save(change)
        return await super().save(replace(change, judge=lambda _: judge(Ledger(None))))


class CountsWithoutTheCustomer(Careful):
    """Tells the guards of no other charge of the customer, and of nothing that waits."""

    async def save(self, change: Change) -> Dossier:
        return await super().save(replace(change, asked=NOTHING_MORE))


class BelievesEveryGateway(Careful):
    """Takes a key for a key, whichever gateway names it."""

    async def record_notices(self, notices: Sequence[NewNotice]) -> Sequence[NoticeTaken]:
        return await super().record_notices([replace(one, gateway="main") for one in notices])


class BeginsFromNothing(Careful):
    """Replays a notification that nobody has kept."""

    async def begin(
        self, number: int, workflow: Workflow, *, entry: HistoryEntry | None = None
    ) -> Recorded:
        try:
            return await super().begin(number, workflow, entry=entry)
        except BadInput:
            return Recorded(Receipt.IGNORED, number)


class ListsOldestFirst(Careful):
    """Sorts pages the other way round."""

    async def workflows(self, wanted: WorkflowFilter) -> Sequence[Workflow]:
        return list(reversed(await super().workflows(wanted)))


class WaitsForEver(Careful):
    """Waits for a lock that nobody gives back."""

    async def record(self, notification: NewNotification) -> Recorded:
        await asyncio.Event().wait()
        return await super().record(notification)


class CannotRecord(Careful):
    """Fails at the very first verb, and so at nearly everything."""

    async def record(self, notification: NewNotification) -> Recorded:
        raise sqlite3.OperationalError("no such table: notifications")
