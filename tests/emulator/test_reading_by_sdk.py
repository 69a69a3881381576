"""What can be read back, driven by Metronome's official SDK over a socket."""

import pytest

import metronome
from tests.emulator.conftest import Running, prepaid

USD_CENTS_ID = "2714e483-4ff1-48e4-9e25-ac732e8f24f2"


def test_paid_commit_names_its_invoice_and_counts_in_the_balance(emulator: Running) -> None:
    customer_id = emulator.customer()
    contract_id = emulator.contract(
        customer_id, prepaid_balance_threshold_configuration=prepaid(1000, 3000)
    )
    (workflow,) = emulator.workflows(contract_id)

    emulator.release(workflow["workflow_id"], "paid")
    emulator.use(contract_id, "500")

    contract = emulator.sdk.v2.contracts.retrieve(
        customer_id=customer_id, contract_id=contract_id, include_balance=True
    ).data
    (commit,) = contract.commits
    assert commit.balance == 2500
    assert commit.invoice_schedule is not None
    assert [i.invoice_id for i in commit.invoice_schedule.schedule_items or []] == [
        workflow["invoice_id"]
    ]
    balance = emulator.sdk.v1.contracts.get_net_balance(customer_id=customer_id).data
    assert (balance.balance, balance.credit_type_id) == (2500, USD_CENTS_ID)
    listed = list(emulator.sdk.v1.contracts.list_balances(customer_id=customer_id))
    assert [one.id for one in listed] == [commit.id]


def test_invoices_are_listed_by_status_and_contract_over_pages(emulator: Running) -> None:
    customer_id = emulator.customer()
    config = prepaid(1000, 3000)
    contract_ids = [
        emulator.contract(customer_id, prepaid_balance_threshold_configuration=config)
        for _ in range(3)
    ]
    workflows = emulator.books()["workflows"]
    emulator.release(workflows[0]["workflow_id"], "failed")
    invoices = emulator.sdk.v1.customers.invoices

    everything = [i.id for i in invoices.list(customer_id=customer_id, limit=2)]
    void = list(invoices.list(customer_id=customer_id, status="VOID"))
    newest = list(invoices.list(customer_id=customer_id, sort="date_desc"))
    third = list(invoices.list(customer_id=customer_id, contract_id=contract_ids[2]))

    assert everything == [w["invoice_id"] for w in workflows]
    assert [(i.id, i.contract_id) for i in void] == [(everything[0], contract_ids[0])]
    assert [i.id for i in newest] == everything[::-1]
    assert [i.id for i in third] == everything[2:]


def test_customers_are_found_by_id_and_alias(emulator: Running) -> None:
    created = emulator.sdk.v1.customers.create(name="Bo", ingest_aliases=["user-9"]).data
    emulator.customer()

    found = emulator.sdk.v1.customers.retrieve(customer_id=created.id).data
    by_alias = list(emulator.sdk.v1.customers.list(ingest_alias="user-9"))
    by_ids = list(emulator.sdk.v1.customers.list(customer_ids=[created.id]))
    everyone = list(emulator.sdk.v1.customers.list(limit=1))

    assert (found.name, found.ingest_aliases) == ("Bo", ["user-9"])
    assert [c.id for c in by_alias] == [c.id for c in by_ids] == [created.id]
    assert len(everyone) == 2


def test_custom_fields_can_be_set_later_and_can_be_unique(emulator: Running) -> None:
    fields = emulator.sdk.v1.custom_fields
    fields.add_key(entity="customer", key="gateway_customer", enforce_uniqueness=True)
    one, other = emulator.customer(), emulator.customer(plan="pro")
    fields.set_values(entity="customer", entity_id=one, custom_fields={"gateway_customer": "c1"})
    with pytest.raises(metronome.ConflictError):
        fields.set_values(
            entity="customer", entity_id=other, custom_fields={"gateway_customer": "c1"}
        )
    fields.set_values(entity="customer", entity_id=other, custom_fields={"gateway_customer": "c2"})

    customer = emulator.sdk.v1.customers.retrieve(customer_id=other).data
    assert customer.custom_fields == {"plan": "pro", "gateway_customer": "c2"}
    assert [k.key for k in fields.list_keys().data] == ["gateway_customer"]


def test_pricing_units_and_services_are_listed(emulator: Running) -> None:
    units = list(emulator.sdk.v1.pricing_units.list(limit=7))

    assert {u.name: u.id for u in units}["USD (cents)"] == USD_CENTS_ID
    assert {"EUR", "DKK", "CNY"} <= {u.name for u in units}
    assert len(units) == 20
    assert emulator.sdk.v1.services.list().services[0].usage == "makes_connections_from"


def test_contracts_are_listed_over_pages(emulator: Running) -> None:
    customer_id = emulator.customer()
    made = [emulator.contract(customer_id) for _ in range(3)]

    listed = [c.id for c in emulator.sdk.v2.contracts.list(customer_id=customer_id, limit=2)]

    assert listed == made


def test_unknown_things_are_answered_as_metronome_does(emulator: Running) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    customer_id = emulator.customer()

    with pytest.raises(metronome.NotFoundError):
        emulator.sdk.v1.customers.retrieve(customer_id=nobody)
    with pytest.raises(metronome.NotFoundError):
        emulator.sdk.v1.customers.invoices.retrieve(customer_id=customer_id, invoice_id=nobody)
    with pytest.raises(metronome.BadRequestError, match="ContractNotFound"):
        emulator.sdk.v2.contracts.retrieve(customer_id=customer_id, contract_id=nobody)
    with pytest.raises(metronome.BadRequestError, match="CustomerNotFound"):
        emulator.sdk.v2.contracts.retrieve(customer_id=nobody, contract_id=nobody)
    with pytest.raises(metronome.NotFoundError, match="audit"):
        list(emulator.sdk.v1.audit_logs.list())
