"""Metronome over HTTP: one call per method, never a retry; when to call again is the engine's."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_never

from external_gate.domain.errors import Broken, Refused, Unavailable
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.workflow import Verdict
from external_gate.metronome import wire
from external_gate.metronome.billing import Contract, Customer, Invoice, ReleaseAnswer
from external_gate.metronome.contracting import AlreadyMade
from external_gate.metronome.release_wire import judge_release
from external_gate.outbound.calls import (
    Answered,
    Call,
    CallEnd,
    Caller,
    NeverSent,
    SentUnanswered,
)


class MetronomeClient:
    """`Billing` over Metronome's API; see there for its promises.

    `base_url` is without a path, `token` a bearer token that may read invoices, customers and
    contracts, release, and edit contracts. The caller bounds how long a call may take.
    """

    def __init__(self, caller: Caller, *, base_url: str, token: str) -> None:
        self._caller = caller
        self._base_url = base_url.rstrip("/")
        self._token = token

    async def release(
        self, workflow_id: WorkflowId, verdict: Verdict, *, key: str, not_after: datetime
    ) -> ReleaseAnswer:
        """Tell the outcome of a workflow, once; never raises for what the outside does."""
        end = await self._post(
            wire.RELEASE_PATH,
            wire.release_body(workflow_id, verdict),
            {"Idempotency-Key": wire.key_header(key)},
            not_after=not_after,
        )
        return judge_release(end, hide=self._token)

    async def invoice(self, customer_id: CustomerId, invoice_id: InvoiceId) -> Invoice | None:
        """Read an invoice; one of another customer is given as it is."""
        answer = self._read(
            await self._get(wire.invoice_path(customer_id, invoice_id)), f"invoice {invoice_id}"
        )
        return None if answer is None else wire.read_invoice(answer.body)

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        """Read a customer."""
        answer = self._read(
            await self._get(wire.customer_path(customer_id)), f"customer {customer_id}"
        )
        return None if answer is None else wire.read_customer(answer.body)

    async def contract(self, customer_id: CustomerId, contract_id: ContractId) -> Contract | None:
        """Read a contract with its commits."""
        end = await self._post(wire.CONTRACT_PATH, wire.contract_body(customer_id, contract_id))
        answer = self._read(end, f"contract {contract_id}")
        return None if answer is None else wire.read_contract(answer.body)

    async def edit_contract(
        self,
        customer_id: CustomerId,
        contract_id: ContractId,
        *,
        changes: Mapping[str, Any],  # whatever Metronome's edit endpoint takes
        uniqueness_key: str | None = None,
        not_after: datetime | None = None,
    ) -> None:
        """Change a contract; amounts in `changes` are `Decimal`, floats are `BadInput`.

        Raises `Refused` when Metronome refuses; a 409 is `AlreadyMade` and names the uniqueness
        key, which was perhaps used by an earlier call of ours: read the contract back. After
        `Unavailable` the change may have been made.
        """
        body = wire.edit_body(
            customer_id, contract_id, changes=changes, uniqueness_key=uniqueness_key
        )
        end = await self._post(wire.EDIT_PATH, body, not_after=not_after)
        answer = self._answer(end, f"contract {contract_id}")
        if 400 <= answer.status < 500:
            used = f" (uniqueness_key {uniqueness_key})" if answer.status == 409 else ""
            said = f"Metronome refuses to edit contract {contract_id}{used}: {self._said(answer)}"
            raise AlreadyMade(said) if used else Refused(said)
        self._demand_success(answer, f"contract {contract_id}")

    async def _get(self, path: str) -> CallEnd:
        return await self._caller.call(Call("GET", self._base_url + path, self._headers()))

    async def _post(
        self,
        path: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        not_after: datetime | None = None,
    ) -> CallEnd:
        sent = {**self._headers(), "Content-Type": "application/json", **(headers or {})}
        call = Call("POST", self._base_url + path, sent, body, not_after=not_after)
        return await self._caller.call(call)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}

    def _read(self, end: CallEnd, subject: str) -> Answered | None:
        """Give the answer of a successful read, None for what does not exist."""
        answer = self._answer(end, subject)
        if wire.says_absent(answer):
            return None
        self._demand_success(answer, subject)
        return answer

    def _answer(self, end: CallEnd, subject: str) -> Answered:
        """Give an answer that says something about `subject`, not about us or the moment."""
        match end:
            case NeverSent(cause) | SentUnanswered(cause):
                raise Unavailable(f"Metronome could not be asked about {subject}: {cause}")
            case Answered(401 | 403):
                raise Broken(
                    f"Metronome refuses our token for {subject}; mend metronome.api_token or its"
                    f" role: {self._said(end)}"
                )
            case Answered(408 | 429):
                raise Unavailable(f"Metronome is busy, asked about {subject}: {self._said(end)}")
            case Answered():
                return end
            case _:
                assert_never(end)

    def _demand_success(self, answer: Answered, subject: str) -> None:
        if 300 <= answer.status < 400:
            raise Unavailable(
                f"Metronome redirects, asked about {subject}; redirects are not followed, check"
                f" metronome.base_url: {self._said(answer)}"
            )
        if not 200 <= answer.status < 300:
            raise Unavailable(f"Metronome could not tell about {subject}: {self._said(answer)}")

    def _said(self, answer: Answered) -> str:
        return wire.complaint(answer, hide=self._token)
