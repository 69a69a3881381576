"""Rigs of our own payer sources, and of whatever source stands in for the one over HTTP."""

import json
from collections.abc import Mapping, Sequence

from external_gate.domain.charge import Payer
from external_gate.domain.identifiers import ContractId, CustomerId, WorkflowId
from external_gate.payers.custom_fields import CustomFieldsPayers
from external_gate.payers.http_payers import HttpPayers
from external_gate.payers.payer_source import PayerQuestion
from external_gate.payers.source_registry import PayerSourceClass
from external_gate.payers.table import TablePayers
from external_gate.testkit.fake_server import FakeServer, WireAnswer, WireRequest, json_answer
from external_gate.testkit.payer_rig import KnownPayer

SECRET = "whsec_cGF5ZXJzLW9mLXRoZS1raXQtMTIzNDU2Nzg5MDEyMzQ="

ALICE = Payer("cus_alice", "pm_alice", "second")
BOB = Payer("cus_bob", "")


def question(customer: str, **fields: str) -> PayerQuestion:
    return PayerQuestion(
        WorkflowId(f"wf-{customer}"), CustomerId(customer), ContractId("contract-1"), fields
    )


class HttpPayersRig:
    """A host application that knows two payers and three records that are spoilt."""

    def __init__(self, source: PayerSourceClass = HttpPayers) -> None:
        self.source = source
        self.secrets: Sequence[str] = [SECRET]
        self.known = [KnownPayer(question("alice"), ALICE), KnownPayer(question("bob"), BOB)]
        self.unknown = question("nobody")
        self.broken = [question("empty"), question("endless"), question("torn")]
        self._server = FakeServer(self._respond)

    def settings(self, base_url: str) -> Mapping[str, object]:
        return {"url": f"{base_url}/payer", "secret": SECRET}

    async def start(self) -> str | None:
        return await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()

    async def _respond(self, request: WireRequest) -> WireAnswer:
        match json.loads(request.body)["customer_id"]:
            case "alice":
                said = {"customer": "cus_alice", "payment_method": "pm_alice", "gateway": "second"}
                return json_answer(200, said)
            case "bob":
                return json_answer(200, {"customer": "cus_bob"})
            case "empty":
                return json_answer(200, {"customer": ""})
            case "endless":
                return json_answer(200, {"customer": "c" * 300})
            case "torn":
                return json_answer(200, {"customer": "cus\r\nX: y"})
            case _:
                return json_answer(404, {"status": "no_payer"})


class _WithoutAddress:
    secrets: Sequence[str] = ()

    def settings(self, base_url: str) -> Mapping[str, object]:
        return {}

    async def start(self) -> str | None:
        return None

    async def stop(self) -> None:
        """Nothing was started."""


class CustomFieldsRig(_WithoutAddress):
    """Everything stands in the question."""

    source: PayerSourceClass = CustomFieldsPayers
    known = (
        KnownPayer(
            question(
                "alice", gateway_customer="cus_alice", gateway_payment_method="pm_alice",
                gateway="second",
            ),
            ALICE,
        ),
        KnownPayer(question("bob", gateway_customer="cus_bob"), BOB),
    )  # fmt: skip
    unknown = question("nobody", other="field")
    broken = (
        question("endless", gateway_customer="c" * 300),
        question("torn", gateway_customer="cus\r\nX: y"),
    )


class TableRig(_WithoutAddress):
    """Rows are checked before they are written, so none of them is spoilt."""

    source: PayerSourceClass = TablePayers
    known = (KnownPayer(question("alice"), ALICE), KnownPayer(question("bob"), BOB))
    unknown = question("nobody")
    broken = ()
    table: Mapping[CustomerId, Payer] = {CustomerId("alice"): ALICE, CustomerId("bob"): BOB}
