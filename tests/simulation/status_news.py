"""Metronome's `payment_status`: late, repeated, in any order; it must never decide anything.

With chances of its own, so that worlds are the same with and without this news.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from random import Random

from external_gate.domain.gate_report import GateReport, ReportKind
from external_gate.domain.identifiers import CustomerId, InvoiceId
from external_gate.stores import sql_intake
from external_gate.stores.store_records import NewNotification
from tests.simulation.metronome_books import CONTRACT, GateWorkflow
from tests.simulation.truth import Fate
from tests.simulation.world import World

KIND = "payment_status_contradicted"
"""Word for word as in the database."""

DELAYS_SECONDS = (0.05, 30.0, 7200.0, 86400.0)
"""Around which a delivery comes late; the first is the usual one."""

OFTEN = (1, 1, 1, 2, 3)
"""How often one status is delivered."""

NOBODY_TAKES_IT_SECONDS = 900.0


@dataclass(frozen=True)
class Decided:
    """What was decided about a workflow when a status first came."""

    verdict: str
    first_sent_at: int | None
    """When it was first told, in milliseconds; None when it was not."""


@dataclass
class StatusNews:
    """Tells what became of Metronome's workflows, and sees that nobody believes it too much."""

    world: World
    random: Random
    _told: list[tuple[str, str, datetime]] = field(default_factory=list)
    """Invoice, status and time of all that was ever told."""
    _decided_before: dict[str, dict[str, Decided]] = field(default_factory=dict)
    """By status, the workflows that were decided when our books first heard of it."""
    _ever_contradicted: set[str] = field(default_factory=set)

    def tell(self, workflow: GateWorkflow, status: str) -> None:
        """Send a status, as Metronome does when a workflow ends."""
        at = self.world.loop.true_time()
        number = len(self._told)
        self._told.append((workflow.invoice_id, status, at))
        report = GateReport(
            ReportKind.PAYMENT_STATUS,
            CustomerId(workflow.customer_id),
            CONTRACT,
            InvoiceId(workflow.invoice_id),
            status=status,
            told_at=at,
        )
        for _ in range(self.random.choice(OFTEN)):
            delay = self.random.choice(DELAYS_SECONDS) * self.random.random()
            self.world.loop.later(delay, self._deliver, f"s-{number}", report)

    def _deliver(self, name: str, report: GateReport) -> None:
        world = self.world
        if world.over:
            return
        if world.restoring or world.database_is_down:
            world.loop.later(NOBODY_TAKES_IT_SECONDS, self._deliver, name, report)
            return
        before = self._standing(report)
        if not self._is_known(name):  # restored books may hear of it for the first time again
            self._decided_before[name] = self._decided(report)
        now = world.loop.true_time()
        notification = NewNotification(
            notification_id=name,
            type=report.kind.value,
            digest=name.encode().hex(),
            body=name.encode(),
            signed_at=now,
            received_at=now,
            concerns_us=True,
            report=report,
        )
        record = partial(sql_intake.record, notifications=[notification])
        world.database.commit(record, None)
        world.timeline.tell("webhook", "{}: {} of {}", name, report.status, report.invoice_id)
        unmoved = self._standing(report) == before
        world.truth.must("P5", unmoved, f"status {name} moved something")
        for fate in world.truth.fates.values():
            if fate.invoice_id == report.invoice_id:
                self._judge(name, fate, report)

    def _judge(self, name: str, fate: Fate, report: GateReport) -> None:
        """No false alarm, and none that is left out."""
        row = self.world.database.connection.execute(
            "SELECT verdict, state FROM workflows WHERE workflow_id = ?", (fate.workflow_id,)
        ).fetchone()
        raised = self._incidents(fate.workflow_id)
        truth, workflow_id = self.world.truth, fate.workflow_id
        once = raised <= 1
        truth.must("P5", once, f"{workflow_id} has {raised} incidents of one kind")
        if row is None or row[0] is None:
            return
        verdict, state = row
        told = [one for one in self._told if one[0] == report.invoice_id]
        is_given_back = state in {"refunding", "refunded"}
        all_agree = all(status == verdict for _, status, _ in told)
        alone = sum(f.invoice_id == fate.invoice_id for f in truth.fates.values()) == 1
        if not all_agree:
            self._ever_contradicted.add(
                workflow_id
            )  # an incident of then stays, also after a refund
        was_right = workflow_id not in self._ever_contradicted
        if was_right and alone and not is_given_back and not self.world.truth.was_restored:
            truth.must("P5", raised == 0, f"{name} raised a false alarm about {workflow_id}")
        is_latest = report.told_at == max(at for _, _, at in told)
        told_at = 0.0 if report.told_at is None else report.told_at.timestamp() * 1000
        # What came first while nothing was decided, or told, or something else, is a known delivery
        # later, and says nothing new: nor does it when a later release was told by a clock that was
        # set back.
        first = self._decided_before[name].get(workflow_id)
        is_new = first is not None and first.verdict == verdict
        is_later = first is not None and told_at > (first.first_sent_at or math.inf)
        contradicts = report.status != verdict and not is_given_back
        if contradicts and alone and is_latest and is_new and is_later:
            truth.must("P5", raised == 1, f"{name} contradicts {workflow_id} and nobody was told")

    def _incidents(self, workflow_id: str) -> int:
        (count,) = self.world.database.connection.execute(
            "SELECT count(*) FROM incidents WHERE workflow_id = ? AND kind = ?",
            (workflow_id, KIND),
        ).fetchone()
        return int(count)

    def _is_known(self, name: str) -> bool:
        asked = "SELECT 1 FROM notifications WHERE notification_id = ?"
        return self.world.database.connection.execute(asked, (name,)).fetchone() is not None

    def _decided(self, report: GateReport) -> dict[str, Decided]:
        rows = self.world.database.connection.execute(
            "SELECT workflow_id, verdict, (SELECT min(first_sent_at) FROM releases"
            " WHERE releases.workflow_id = workflows.workflow_id"
            " AND releases.verdict = workflows.verdict)"
            " FROM workflows WHERE invoice_id = ? AND verdict IS NOT NULL",
            (report.invoice_id,),
        ).fetchall()
        return {str(workflow_id): Decided(*decided) for workflow_id, *decided in rows}

    def _standing(self, report: GateReport) -> list[tuple[object, ...]]:
        """Give everything about the invoice's workflows that a status must leave alone."""
        rows = self.world.database.connection.execute(
            "SELECT workflow_id, state, verdict, fence, due_at, claimable_at, lease_until,"
            " held_reason, hold_wanted, release_generation FROM workflows"
            " WHERE invoice_id = ? ORDER BY workflow_id",
            (report.invoice_id,),
        ).fetchall()
        return [tuple(row) for row in rows]
