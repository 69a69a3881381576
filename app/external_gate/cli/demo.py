"""`external-gate demo`: the main job told in six chapters, over real sockets, with every promise
checked against the books of both sides.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import click

from external_gate.cli.demo_stage import Json, Stage
from external_gate.domain.errors import GateError
from external_gate.domain.workflow import State
from external_gate.stores.store_records import Dossier


@dataclass
class Story:
    """Tells the chapters and keeps what was promised and whether it held."""

    stage: Stage
    told: list[tuple[str, str]] = field(default_factory=list)
    """Title and workflow id of every chapter."""
    broken: list[str] = field(default_factory=list)

    def promise(self, sentence: str, held: bool) -> None:
        """State a promise and whether it held."""
        mark = click.style("✓", fg="green") if held else click.style("✗", fg="red")
        click.echo(f"  {mark} {sentence}")
        if not held:
            self.broken.append(sentence)

    async def paid_in_dollars(self) -> None:
        """Usage crosses the threshold of 50.00 USD: charged once, released, commit granted."""
        workflow = await self._reach("ada", "pm_ok", amount="6000")
        dossier = await self._ended(workflow, State.RELEASED)
        self.promise("Metronome wrote 6000 (USD is in cents): 60.00 USD were charged",
                     str(dossier.workflow.amount) == "60.00 USD")  # fmt: skip
        await self._granted(workflow)

    async def paid_in_euros(self) -> None:
        """The same in EUR, which Metronome writes in whole units."""
        workflow = await self._reach("bea", "pm_ok", currency="EUR", threshold=50, amount="62.5")
        dossier = await self._ended(workflow, State.RELEASED)
        self.promise("Metronome wrote 62.5 (EUR is in whole units): 62.50 EUR were charged",
                     str(dossier.workflow.amount) == "62.50 EUR")  # fmt: skip
        await self._granted(workflow)

    async def declined(self) -> None:
        """The card is declined for good: Metronome voids the invoice and switches recharge off."""
        workflow = await self._reach("cem", "pm_decline_hard")
        await self._ended(workflow, State.CANCELLED)
        books = await self.stage.books()
        invoice = _one(books["invoices"], id=workflow["invoice_id"])
        contract = _one(books["contracts"], id=workflow["contract_id"])
        threshold = contract["spend_threshold_configuration"]
        self.promise("nothing was charged", self._charges(workflow) == 0)
        self.promise("the invoice is void", invoice["status"] == "VOID")
        self.promise("the threshold is switched off", threshold["is_enabled"] is False)

    async def answer_lost(self) -> None:
        """The gateway takes the money, its answer is lost: found by lookup, not charged again."""
        workflow = await self._reach("dan", "pm_timeout_charged")
        dossier = await self._ended(workflow, State.RELEASED)
        sends = sum(attempt.sends for attempt in dossier.attempts)
        self.promise("the charge was sent once and looked up afterwards", sends == 1)
        await self._granted(workflow)

    async def delivered_twice(self) -> None:
        """Metronome delivers the same notification twice."""
        await self.stage.order_fault(
            on="webhook", kind="duplicate", times=1, type="payment_gate.external_initiate"
        )
        workflow = await self._reach("eva", "pm_ok")
        await self._ended(workflow, State.RELEASED)

        async def twice() -> list[int] | None:
            books = await self.stage.books()
            sent = [d for d in books["deliveries"] if d["workflow_id"] == workflow["workflow_id"]]
            return [d["status"] for d in sent] if len(sent) >= 2 else None

        statuses = await self.stage.until(twice, "nothing was delivered a second time")
        self.promise("both deliveries were acknowledged", set(statuses) == {200})
        await self._granted(workflow)

    async def killed_in_mid_charge(self) -> None:
        """The process is killed while the charge is on the wire, and started again."""
        workflow = await self._reach("fay", "pm_ok")

        async def money_moved() -> bool | None:
            return True if self._charges(workflow) else None

        await self.stage.until(money_moved, "the gateway took no money")
        await self.stage.kill_service()
        click.echo(
            "    … the money was taken, then SIGKILL; started again; the dead lease runs out …"
        )
        await self.stage.start_service()
        dossier = await self._ended(workflow, State.RELEASED)
        moved = [entry.to_state for entry in await self.stage.history(workflow["workflow_id"])]
        self.promise("the charge was taken over as unresolved", State.UNRESOLVED in moved)
        self.promise("one attempt, one key", len(dossier.attempts) == 1)
        await self._granted(workflow)

    async def _reach(
        self,
        name: str,
        payment_method: str,
        *,
        currency: str = "USD",
        threshold: float = 5000,
        amount: str = "6000",
    ) -> Json:
        """Make customer and contract and use so much that the threshold is reached."""
        customer_id = await self.stage.customer(name, payment_method)
        contract_id = await self.stage.contract(customer_id, currency=currency, threshold=threshold)
        await self.stage.use(customer_id, contract_id, amount)
        workflow = await self.stage.workflow_of(contract_id)
        self.told.append((name, workflow["workflow_id"]))
        return workflow

    async def _ended(self, workflow: Json, wanted: State) -> Dossier:
        """Wait for the end, show the timeline, and check the end against what was wanted."""
        dossier = await self.stage.dossier_when(
            workflow["workflow_id"],
            lambda dossier: dossier.workflow.has_ended or dossier.workflow.state is State.HELD,
            f"workflow {workflow['workflow_id']} came to no end",
        )
        for entry in await self.stage.history(workflow["workflow_id"]):
            came_from = entry.from_state or "new"
            arrow = f"{came_from} → {entry.to_state}" if entry.to_state else entry.event
            click.echo(f"    {entry.at:%H:%M:%S.%f}"[:-3] + f"  {arrow:26}  {entry.reason}")
        self.promise(f"the workflow is {wanted}", dossier.workflow.state is wanted)
        return dossier

    async def _granted(self, workflow: Json) -> None:
        """Check both sides' books of a paid workflow."""
        books = await self.stage.books()
        theirs = _one(books["workflows"], workflow_id=workflow["workflow_id"])
        granted = [c for c in books["commits"] if c["invoice_id"] == workflow["invoice_id"]]
        self.promise("the gateway charged exactly once", self._charges(workflow) == 1)
        self.promise("Metronome granted the commit",
                     theirs["state"] == "COMMITTED" and len(granted) == 1)  # fmt: skip

    def _charges(self, workflow: Json) -> int:
        return sum(self.stage.charges().get(workflow["workflow_id"], {}).values())


def _one(rows: list[Json], **wanted: object) -> Json:
    return next(row for row in rows if all(row[key] == value for key, value in wanted.items()))


CHAPTERS: tuple[Callable[[Story], Awaitable[None]], ...] = (
    Story.paid_in_dollars,
    Story.paid_in_euros,
    Story.declined,
    Story.answer_lost,
    Story.delivered_twice,
    Story.killed_in_mid_charge,
)


@click.command("demo")
@click.option("--keep", is_flag=True, help="Keep the folder with database, books and logs.")
def demo(keep: bool) -> None:
    """Show the main job on this machine: emulator, service and sandbox gateway over real sockets.

    Ends with 0 only if every promise held. Takes under a minute and needs no account.

    \b
    Example:
      external-gate demo --keep
    """
    folder = Path(tempfile.mkdtemp(prefix="external-gate-demo-"))
    try:
        broken = asyncio.run(_tell(folder))
    except GateError as error:
        broken = [str(error)]
        click.secho(f"\n{error}", fg="red", err=True)
    if keep or broken:
        click.echo(f"Database, books and logs: {folder}")
    else:
        shutil.rmtree(folder)
    sys.exit(1 if broken else 0)


async def _tell(folder: Path) -> list[str]:
    stage = Stage(folder)
    story = Story(stage)
    try:
        await stage.raise_curtain()
        for number, chapter in enumerate(CHAPTERS, 1):
            click.secho(f"\n{number}. {(chapter.__doc__ or '').strip()}", bold=True)
            await chapter(story)
        _summarise(story)
    finally:
        await stage.drop_curtain()
    return story.broken


def _summarise(story: Story) -> None:
    click.secho("\nCharges per workflow, from the gateway's own books", bold=True)
    for name, workflow_id in story.told:
        taken = sum(story.stage.charges().get(workflow_id, {}).values())
        click.echo(f"  {name}  {workflow_id}  {taken}")
    if story.broken:
        click.secho(f"\n{len(story.broken)} promises were broken", fg="red")
    else:
        click.secho("\nEvery promise held.", fg="green")
