"""The main job: Metronome's official SDK on one side, the gateway's own books on the other."""

import httpx

from external_gate.gateways.sandbox import charges_by_workflow
from tests.stories.players import Account, Players, until


def taken(cast: Players, workflow_id: str) -> int:
    return sum(charges_by_workflow(cast.books).get(workflow_id, {}).values())


def test_dollars_are_charged_once_and_released(cast: Players, metronome: Account) -> None:
    cast.start_service()

    workflow = metronome.reach(amount="1500")
    metronome.ended(workflow, "COMMITTED")

    assert taken(cast, workflow["workflow_id"]) == 1
    invoice = metronome.sdk.v1.customers.invoices.retrieve(
        customer_id=workflow["customer_id"], invoice_id=workflow["invoice_id"]
    ).data
    assert (invoice.status, invoice.total) == ("FINALIZED", 1500)
    shown = cast.command("workflows", "show", workflow["workflow_id"], "--json")
    assert shown.returncode == 0, shown.stderr
    assert '"minor": 1500' in shown.stdout


def test_euros_are_charged_in_whole_units(cast: Players, metronome: Account) -> None:
    cast.start_service()
    customer_id = metronome.customer()
    contract_id = metronome.contract(customer_id, threshold=10, rate_card="eur-standard")

    metronome.use(customer_id, contract_id, "15.5")
    workflow = metronome.workflow_of(contract_id)
    metronome.ended(workflow, "COMMITTED")

    shown = cast.command("workflows", "show", workflow["workflow_id"], "--json")
    assert '"minor": 1550' in shown.stdout
    assert '"currency": "EUR"' in shown.stdout


def test_a_decline_voids_the_invoice_and_switches_the_threshold_off(
    cast: Players, metronome: Account
) -> None:
    cast.start_service()

    workflow = metronome.reach("pm_decline_hard")
    metronome.ended(workflow, "CANCELLED")

    contract = metronome.sdk.v2.contracts.retrieve(
        customer_id=workflow["customer_id"], contract_id=workflow["contract_id"]
    ).data
    assert contract.spend_threshold_configuration is not None
    assert contract.spend_threshold_configuration.is_enabled is False
    assert taken(cast, workflow["workflow_id"]) == 0


def test_a_notification_sent_while_we_were_down_is_charged_when_we_are_back(
    cast: Players, metronome: Account
) -> None:
    workflow = metronome.reach()
    until(lambda: metronome.books()["deliveries"], "nothing was delivered")

    cast.start_service()
    metronome.control("clock", advance_seconds=3600)
    metronome.ended(workflow, "COMMITTED")

    assert taken(cast, workflow["workflow_id"]) == 1


def test_a_release_whose_connection_drops_after_it_was_applied_ends_released(
    cast: Players, metronome: Account
) -> None:
    cast.start_service()
    metronome.control("faults", on="release", kind="drop_after", times=1)

    workflow = metronome.reach()
    metronome.ended(workflow, "COMMITTED")

    def released() -> bool:
        shown = cast.command("workflows", "show", workflow["workflow_id"], "--json")
        return '"state": "released"' in shown.stdout

    assert until(released, "the release was not found out")
    assert taken(cast, workflow["workflow_id"]) == 1


def test_a_stored_500_is_left_behind_with_the_next_key(cast: Players, metronome: Account) -> None:
    cast.start_service()
    metronome.control("faults", on="release", kind="status", status=500, times=1, stored=True)

    workflow = metronome.reach()
    ended = metronome.ended(workflow, "COMMITTED")

    keys = [call["idempotency_key"] for call in ended["release_calls"]]
    assert len(set(keys)) == 2


def test_a_host_application_in_another_process_is_the_gateway(
    cast: Players, metronome: Account
) -> None:
    """A stranger's program behind the wire contract of the `http` adapter."""
    books = cast.folder / "host-books.db"
    host = cast.start("host", "tests/gateways/host.py", "--books", str(books))
    address = until(
        lambda: next((w for w in cast.log("host").split() if w.startswith("http://")), None),
        f"the host did not start: {host.poll()}",
    )
    cast.write_config(gateway=f'adapter = "http"\nurl = "{address}"')
    cast.start_service()

    paid = metronome.reach("pm_ok")
    lost = metronome.reach("pm_drop_after")
    declined = metronome.reach("pm_decline_hard")
    metronome.ended(paid, "COMMITTED")
    metronome.ended(lost, "COMMITTED")
    metronome.ended(declined, "CANCELLED")

    root = address.rsplit("/", 1)[0]
    captures = httpx.get(f"{root}/_control/charges").json()
    counted = {workflow: sum(keys.values()) for workflow, keys in captures.items()}
    assert counted[paid["workflow_id"]] == 1
    assert counted[lost["workflow_id"]] == 1
    assert counted[declined["workflow_id"]] == 0
