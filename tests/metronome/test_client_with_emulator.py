"""The client against a running pretend Metronome, which shares no code with it."""

from decimal import Decimal

import pytest

from external_gate.domain.errors import Broken, Refused, Unavailable
from external_gate.domain.identifiers import ContractId, CustomerId, InvoiceId, WorkflowId
from external_gate.domain.money import USD_CENTS_ID
from external_gate.domain.workflow import Verdict
from external_gate.metronome.billing import InvoiceStatus, ReleaseResult
from external_gate.metronome.client import MetronomeClient
from external_gate.outbound.httpx_caller import HttpxCaller
from tests.metronome.conftest import IN_TIME, Pretend


class Opened:
    """A workflow that waits for its outcome."""

    def __init__(
        self, emulator: Pretend, amount: str = "1500.25", rate_card: str = "usd-standard"
    ) -> None:
        self.customer = CustomerId(emulator.customer(gateway_customer="cus_1"))
        fields = {"custom_fields": {"gateway_payment_method": "pm_ok"}}
        self.contract = ContractId(emulator.contract(self.customer, rate_card, **fields))
        opened = emulator.workflow(self.customer, self.contract, amount)
        self.workflow = WorkflowId(opened["workflow_id"])
        self.invoice = InvoiceId(opened["invoice_id"])


async def release(
    client: MetronomeClient, opened: Opened, verdict: Verdict = Verdict.PAID, generation: int = 0
) -> ReleaseResult:
    key = f"r-{opened.workflow}-{verdict}-{generation}"
    return (await client.release(opened.workflow, verdict, key=key, not_after=IN_TIME)).result


async def test_invoice_in_usd(metronome: MetronomeClient, emulator: Pretend) -> None:
    opened = Opened(emulator)

    invoice = await metronome.invoice(opened.customer, opened.invoice)

    assert invoice is not None
    assert (invoice.customer_id, invoice.contract_id) == (opened.customer, opened.contract)
    assert invoice.total == Decimal("1500.25")
    assert (invoice.credit_type_id, invoice.credit_type_name) == (USD_CENTS_ID, "USD (cents)")
    assert invoice.customer_custom_fields == {"gateway_customer": "cus_1"}
    assert invoice.contract_custom_fields == {"gateway_payment_method": "pm_ok"}
    assert len(invoice.commit_ids) == 1


async def test_invoice_in_euros(metronome: MetronomeClient, emulator: Pretend) -> None:
    emulator.post("/_emulator/rate-cards", rate_card_id="euros", currency="EUR")
    opened = Opened(emulator, amount="1000.37642", rate_card="euros")

    invoice = await metronome.invoice(opened.customer, opened.invoice)

    assert invoice is not None
    assert invoice.total == Decimal("1000.37642")
    assert invoice.credit_type_name == "EUR"


async def test_what_does_not_exist(metronome: MetronomeClient, emulator: Pretend) -> None:
    customer = CustomerId(emulator.customer())

    assert await metronome.customer(CustomerId("nobody")) is None
    assert await metronome.invoice(customer, InvoiceId("nothing")) is None
    assert await metronome.invoice(customer, InvoiceId("..")) is None
    assert await metronome.contract(customer, ContractId("nothing")) is None
    assert await metronome.contract(CustomerId("nobody"), ContractId("nothing")) is None


async def test_customer(metronome: MetronomeClient, emulator: Pretend) -> None:
    customer = await metronome.customer(CustomerId(emulator.customer(gateway_customer="cus_9")))

    assert customer is not None
    assert (customer.name, customer.custom_fields) == ("Ada", {"gateway_customer": "cus_9"})


async def test_paid_release_is_proven_by_an_active_commit_of_the_invoice(
    metronome: MetronomeClient, emulator: Pretend
) -> None:
    opened = Opened(emulator)
    before = await metronome.contract(opened.customer, opened.contract)

    assert await release(metronome, opened) is ReleaseResult.DONE

    after = await metronome.contract(opened.customer, opened.contract)
    invoice = await metronome.invoice(opened.customer, opened.invoice)
    assert before is not None
    assert after is not None
    assert invoice is not None
    assert not before.active_commit_ids
    assert after.active_commit_ids == invoice.commit_ids
    [commit] = after.active_commit_ids
    assert after.invoices_of_commits == {commit: frozenset({opened.invoice})}
    assert after.threshold_enabled is True


async def test_failed_release_voids_the_invoice_and_switches_the_threshold_off(
    metronome: MetronomeClient, emulator: Pretend
) -> None:
    opened = Opened(emulator)

    assert await release(metronome, opened, Verdict.FAILED) is ReleaseResult.DONE

    contract = await metronome.contract(opened.customer, opened.contract)
    invoice = await metronome.invoice(opened.customer, opened.invoice)
    assert contract is not None
    assert invoice is not None
    assert invoice.status is InvoiceStatus.VOID
    assert contract.threshold_enabled is False
    assert not contract.active_commit_ids


async def test_second_release(metronome: MetronomeClient, emulator: Pretend) -> None:
    paid, failed = Opened(emulator), Opened(emulator)
    await release(metronome, paid)
    await release(metronome, failed, Verdict.FAILED)

    assert await release(metronome, paid) is ReleaseResult.DONE  # replayed under its key
    assert await release(metronome, paid, generation=1) is ReleaseResult.ALREADY_COMMITTED
    assert await release(metronome, failed) is ReleaseResult.NOT_COMMITTING


async def test_key_with_another_outcome_is_a_conflict(
    metronome: MetronomeClient, emulator: Pretend
) -> None:
    opened = Opened(emulator)
    await metronome.release(opened.workflow, Verdict.PAID, key=opened.workflow, not_after=IN_TIME)

    answer = await metronome.release(
        opened.workflow, Verdict.FAILED, key=opened.workflow, not_after=IN_TIME
    )

    assert answer.result is ReleaseResult.CONFLICT


async def test_release_of_an_unknown_workflow(metronome: MetronomeClient) -> None:
    unknown = WorkflowId("13117714-3f05-48e5-a6e9-a66093f13b4d")

    answer = await metronome.release(unknown, Verdict.PAID, key="r-unknown", not_after=IN_TIME)

    assert answer.result is ReleaseResult.REFUSED
    assert answer.detail.startswith("HTTP 404")


async def test_stored_failure_ends_with_the_next_key(
    metronome: MetronomeClient, emulator: Pretend
) -> None:
    opened = Opened(emulator)
    emulator.misbehave(on="release", kind="status", status=500, workflow_id=opened.workflow)

    assert await release(metronome, opened) is ReleaseResult.FAILED
    assert await release(metronome, opened) is ReleaseResult.FAILED
    assert await release(metronome, opened, generation=1) is ReleaseResult.DONE


async def test_lost_answer_is_found_again_under_the_same_key(
    metronome: MetronomeClient, emulator: Pretend
) -> None:
    opened = Opened(emulator)
    emulator.misbehave(on="release", kind="drop_after", workflow_id=opened.workflow)

    assert await release(metronome, opened) is ReleaseResult.UNANSWERED
    assert await release(metronome, opened) is ReleaseResult.DONE


async def test_busy_metronome_says_how_long(metronome: MetronomeClient, emulator: Pretend) -> None:
    opened = Opened(emulator)
    emulator.misbehave(
        on="release", kind="rate_limited", retry_after=7, workflow_id=opened.workflow
    )

    answer = await metronome.release(opened.workflow, Verdict.PAID, key="r-busy", not_after=IN_TIME)

    assert answer.result is ReleaseResult.BUSY
    assert answer.retry_after is not None
    assert answer.retry_after.total_seconds() == 7


async def test_wrong_token_is_our_fault(caller: HttpxCaller, emulator: Pretend) -> None:
    stranger = MetronomeClient(caller, base_url=emulator.url, token="wrong")
    opened = Opened(emulator)

    with pytest.raises(Broken, match=r"metronome\.api_token"):
        await stranger.invoice(opened.customer, opened.invoice)
    assert await release(stranger, opened) is ReleaseResult.UNAUTHORIZED


async def test_reads_through_trouble(metronome: MetronomeClient, emulator: Pretend) -> None:
    opened = Opened(emulator)
    for fault in ({"kind": "status", "status": 503}, {"kind": "drop_before"}):
        emulator.misbehave(on="invoice", customer_id=opened.customer, **fault)
        with pytest.raises(Unavailable):
            await metronome.invoice(opened.customer, opened.invoice)

    assert await metronome.invoice(opened.customer, opened.invoice) is not None


async def test_threshold_is_switched_on_again_once(
    metronome: MetronomeClient, emulator: Pretend
) -> None:
    opened = Opened(emulator)
    await release(metronome, opened, Verdict.FAILED)
    changes = {"update_spend_threshold_configuration": {"is_enabled": True}}

    await metronome.edit_contract(
        opened.customer, opened.contract, changes=changes, uniqueness_key=opened.workflow
    )

    contract = await metronome.contract(opened.customer, opened.contract)
    assert contract is not None
    assert contract.threshold_enabled is True
    with pytest.raises(Refused, match=opened.workflow):
        await metronome.edit_contract(
            opened.customer, opened.contract, changes=changes, uniqueness_key=opened.workflow
        )
