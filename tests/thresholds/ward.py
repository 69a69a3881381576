"""Contracts whose payment failed: at a pretend Metronome and in real books, and who looks after."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from external_gate.domain.aftermath import Aftermath, AftermathChange, FailureKind, Way
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.ledger import Incident, IncidentKind
from external_gate.metronome.contracting_client import ContractingClient
from external_gate.outbound.calls import Call, CallEnd, Caller
from external_gate.payers.custom_fields import CustomFieldsPayers
from external_gate.stores.store import Store
from external_gate.testkit.store_checks.store_samples import begun, failed
from external_gate.thresholds.after_failed import AfterFailed
from external_gate.thresholds.aftercare import Aftercare
from external_gate.thresholds.aftercare_policy import AftercarePolicy
from external_gate.thresholds.applying import Thresholds
from external_gate.thresholds.payer_watch import PayerWatch
from tests.thresholds.conftest import TOKEN, Account, Json, Killed, MovedClock

EDIT = "/v2/contracts/edit"
NOBODY, NOTHING = CustomerId(""), ContractId("")
PAYER = {"gateway_customer": "cus_1", "gateway_payment_method": "pm_1"}


@dataclass
class Deadly:
    """A caller whose process dies at an edit: before it leaves, or after its answer came."""

    caller: Caller
    dies: str = ""
    edits: list[Call] = field(default_factory=list)
    meanwhile: Any = None  # awaited once, before the next edit leaves

    async def call(self, call: Call) -> CallEnd:
        is_edit = call.url.endswith(EDIT)
        if is_edit and self.meanwhile is not None:
            happen, self.meanwhile = self.meanwhile, None
            await happen()
        if is_edit and self.dies == "before":
            raise Killed
        if is_edit:
            self.edits.append(call)
        end = await self.caller.call(call)
        if is_edit and self.dies == "after":
            raise Killed
        return end


class Heard:
    """Hears what was saved, and what failed."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.errors: list[Exception] = []

    def aftermath_saved(self, before: Aftermath, after: Aftermath) -> None:
        if before.stage is not after.stage:
            self.stages.append(after.stage.value)

    def aftercare_failed(self, error: Exception) -> None:
        self.errors.append(error)


@dataclass
class Ward:
    """One contract with an external spend threshold, and everything around it."""

    account: Account
    store: Store
    clock: MovedClock
    wire: Deadly
    heard: Heard = field(default_factory=Heard)
    customer_id: CustomerId = NOBODY
    contract_id: ContractId = NOTHING

    def admit(self) -> None:
        """Make the customer and the contract; its threshold is reached by what is used."""
        fields = dict(PAYER)
        made = self.account.sdk.v1.customers.create(name="Ada", custom_fields=fields)
        self.customer_id = CustomerId(made.data.id)
        gate: Any = {  # a literal that fits the SDK's parameters
            "is_enabled": True,
            "threshold_amount": 1000,
            "commit": {"product_id": "d6be3bf4-1669-40c9-a8b1-388bb167ab16", "name": "Top-up"},
            "payment_gate_config": {"payment_gate_type": "EXTERNAL", "tax_type": "NONE"},
        }
        self.contract_id = self.account.contract(
            self.customer_id, spend_threshold_configuration=gate
        )
        event: Any = {  # as above
            "customer_id": self.customer_id,
            "event_type": "calls",
            "timestamp": "2026-01-01T00:00:00.000Z",
            "transaction_id": f"use of {self.contract_id}",
            "properties": {"amount": "1500", "contract_id": self.contract_id},
        }
        self.account.sdk.v1.usage.ingest(usage=[event])

    def pays_by(self, *, customer: str, method: str) -> None:
        """Change who pays, and by what."""
        fields = {"gateway_customer": customer, "gateway_payment_method": method}
        self.account.sdk.v1.custom_fields.set_values(
            entity="customer", entity_id=self.customer_id, custom_fields=fields
        )

    def newest(self) -> Json:
        """Give the newest workflow of the contract at Metronome."""
        return self.account.workflows(self.contract_id)[-1]

    async def fail(self, *, is_released: bool = True) -> WorkflowId:
        """Have the newest workflow declined, released as failed and cancelled in our books."""
        workflow = self.newest()
        workflow_id = WorkflowId(workflow["workflow_id"])
        if is_released:
            self.release(workflow_id)
        await failed(self.store, workflow_id, at=self.clock.now(), **self.facts(workflow))
        return workflow_id

    async def receive(self) -> WorkflowId:
        """Have the newest workflow received."""
        workflow = self.newest()
        workflow_id = WorkflowId(workflow["workflow_id"])
        await begun(self.store, workflow_id, at=self.clock.now(), **self.facts(workflow))
        return workflow_id

    def release(self, workflow_id: str) -> None:
        """Tell Metronome that it failed."""
        answer = self.account.http.post(
            "/v1/contracts/commits/threshold-billing/release",
            json={"workflow_id": workflow_id, "outcome": "failed"},
        )
        assert answer.status_code == 200, answer.text

    def facts(self, workflow: Json) -> dict[str, Any]:
        """Give what the notification says."""
        return {
            "customer_id": self.customer_id,
            "contract_id": self.contract_id,
            "invoice_id": InvoiceId(workflow["invoice_id"]),
        }

    async def incident(self, workflow_id: WorkflowId) -> None:
        """Raise an incident beside a failed workflow."""
        (found,) = await self.store.aftermaths([workflow_id])
        late = Incident(IncidentKind.LATE_SUCCESS, self.clock.now(), "money was taken")
        await self.store.save_aftermath(AftermathChange(found, incidents=(late,)))

    def is_on(self) -> bool:
        """Whether the threshold is on, as the SDK reads it."""
        return bool(self.account.config(self.customer_id, self.contract_id).is_enabled)

    def aftercare(self, way: Way = Way.PAYER_CHANGE, **policy: Any) -> Aftercare:
        """Give somebody who looks after failed payments, as one process."""
        client = ContractingClient(self.wire, base_url=self.account.url, token=TOKEN)
        payers = CustomFieldsPayers(
            customer_field="gateway_customer",
            payment_method_field="gateway_payment_method",
            gateway_field="gateway",
        )
        steps = AfterFailed(
            store=self.store,
            billing=client,
            thresholds=Thresholds(client, self.clock),
            watch=PayerWatch(client, payers, self.store),
            policy=replace(AftercarePolicy(dict.fromkeys(FailureKind, way)), **policy),
            clock=self.clock,
            observer=self.heard,
        )
        return Aftercare(
            steps, self.store, clock=self.clock, observer=self.heard, poll=timedelta(seconds=1)
        )

    async def told(self, by: str = "shop") -> None:
        """Have the host application say that the payer changed."""
        assert await self.store.note_payer_change(self.customer_id, at=self.clock.now(), told_by=by)

    async def aftermath(self, workflow_id: WorkflowId) -> Aftermath:
        """Give how far the aftermath of a workflow is."""
        (found,) = await self.store.aftermaths([workflow_id])
        return found

    async def events(self, workflow_id: WorkflowId) -> list[str]:
        """Give the events of a workflow's history since it was cancelled."""
        history = await self.store.history(workflow_id)
        names = [entry.event for entry in history]
        return names[len(names) - names[::-1].index("moved") :]
