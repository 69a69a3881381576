"""The release endpoint: its states, its texts, and idempotency keys that replay stored results."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.emulator.conftest import RELEASE_PATH, Json, Running, Start, prepaid, until


@pytest.fixture
def workflow(emulator: Running) -> Json:
    return emulator.reached(emulator.spend_contract())


def state(emulator: Running, workflow: Json) -> str:
    return str(emulator.workflows(workflow["contract_id"])[0]["state"])


def invoice_status(emulator: Running, workflow: Json) -> str:
    found = emulator.sdk.v1.customers.invoices.retrieve(
        customer_id=workflow["customer_id"], invoice_id=workflow["invoice_id"]
    )
    return found.data.status


def is_enabled(emulator: Running, workflow: Json) -> bool:
    contract = emulator.sdk.v2.contracts.retrieve(
        customer_id=workflow["customer_id"], contract_id=workflow["contract_id"]
    ).data
    assert contract.spend_threshold_configuration is not None
    return contract.spend_threshold_configuration.is_enabled


def test_the_sdk_can_release_with_a_raw_post(emulator: Running, workflow: Json) -> None:
    answer = emulator.sdk.post(
        RELEASE_PATH,
        cast_to=httpx.Response,
        body={"workflow_id": workflow["workflow_id"], "outcome": "PAID"},
    )

    assert (answer.status_code, answer.content) == (200, b"")
    assert state(emulator, workflow) == "COMMITTED"


def test_paid_grants_the_commit_and_leaves_invoice_and_threshold(
    emulator: Running, workflow: Json
) -> None:
    answer = emulator.release(workflow["workflow_id"], "paid")

    assert (answer.status_code, answer.content) == (200, b"")
    assert state(emulator, workflow) == "COMMITTED"
    assert invoice_status(emulator, workflow) == "FINALIZED"
    assert is_enabled(emulator, workflow)
    books = emulator.books()
    assert [c["invoice_id"] for c in books["commits"]] == [workflow["invoice_id"]]
    assert books["contracts"][0]["unbilled"] == 0


def test_failed_voids_the_invoice_and_switches_the_threshold_off(
    emulator: Running, workflow: Json
) -> None:
    answer = emulator.release(workflow["workflow_id"], "failed")

    assert (answer.status_code, answer.content) == (200, b"")
    assert state(emulator, workflow) == "CANCELLED"
    assert invoice_status(emulator, workflow) == "VOID"
    assert not is_enabled(emulator, workflow)
    assert emulator.books()["commits"] == []
    emulator.use(workflow["contract_id"], "5000")
    assert len(emulator.workflows(workflow["contract_id"])) == 1, "off stays off"


def test_failed_prepaid_is_switched_off_and_can_be_enabled_again(emulator: Running) -> None:
    customer_id = emulator.customer()
    contract_id = emulator.contract(
        customer_id, prepaid_balance_threshold_configuration=prepaid(1000, 3000)
    )
    (first,) = emulator.workflows(contract_id)
    emulator.release(first["workflow_id"], "failed")
    assert len(emulator.workflows(contract_id)) == 1

    emulator.sdk.v2.contracts.edit(
        customer_id=customer_id,
        contract_id=contract_id,
        update_prepaid_balance_threshold_configuration={"is_enabled": True},
    )

    states = [w["state"] for w in emulator.workflows(contract_id)]
    assert states == ["CANCELLED", "COMMITTING"]


@pytest.mark.parametrize("second", ["paid", "failed"])
@pytest.mark.parametrize(
    ("first", "text"),
    [("paid", "already in state COMMITTED"), ("failed", "not in COMMITTING state")],
)
def test_second_release_is_refused_and_changes_nothing(
    emulator: Running, workflow: Json, first: str, text: str, second: str
) -> None:
    emulator.release(workflow["workflow_id"], first)
    before = emulator.books()["invoices"]

    answer = emulator.release(workflow["workflow_id"], second)

    assert answer.status_code == 400
    assert answer.json()["message"].endswith(text)
    assert emulator.books()["invoices"] == before


@pytest.mark.parametrize(("disable", "enabled"), [(True, False), (False, True)])
def test_expired_workflow_refuses_every_outcome(
    emulator: Running, workflow: Json, disable: bool, enabled: bool
) -> None:
    emulator.control(f"workflows/{workflow['workflow_id']}/expire", disable=disable)

    answer = emulator.release(workflow["workflow_id"], "paid")

    assert (answer.status_code, state(emulator, workflow)) == (400, "EXPIRED")
    assert answer.json()["message"].endswith("not in COMMITTING state")
    assert invoice_status(emulator, workflow) == "VOID"
    assert is_enabled(emulator, workflow) is enabled


def test_voided_invoice_cancels_its_workflow(emulator: Running, workflow: Json) -> None:
    emulator.control(f"invoices/{workflow['invoice_id']}/void")

    assert emulator.release(workflow["workflow_id"], "paid").status_code == 400
    assert state(emulator, workflow) == "CANCELLED"
    assert invoice_status(emulator, workflow) == "VOID"
    assert is_enabled(emulator, workflow), "no payment failed"


def test_unknown_and_malformed_releases_are_refused(emulator: Running, workflow: Json) -> None:
    unknown = emulator.release(str(uuid.uuid4()), "paid")
    assert (unknown.status_code, list(unknown.json())) == (404, ["message"])
    malformed: list[object] = [
        {"workflow_id": "no-uuid", "outcome": "paid"},
        {"workflow_id": workflow["workflow_id"], "outcome": "maybe"},
        {"workflow_id": workflow["workflow_id"]},
        [],
    ]
    for body in malformed:
        answer = emulator.http.post(RELEASE_PATH, json=body)
        assert (answer.status_code, list(answer.json())) == (400, ["message"])
    assert emulator.http.post(RELEASE_PATH, content=b"{").status_code == 400
    assert state(emulator, workflow) == "COMMITTING"


def test_same_key_replays_the_stored_success(emulator: Running, workflow: Json) -> None:
    first = emulator.release(workflow["workflow_id"], "paid", key="r-1")
    again = emulator.release(workflow["workflow_id"], "paid", key="r-1")
    other_key = emulator.release(workflow["workflow_id"], "paid", key="r-2")

    assert [a.status_code for a in (first, again, other_key)] == [200, 200, 400]
    calls = emulator.workflows(workflow["contract_id"])[0]["release_calls"]
    assert [(c["idempotency_key"], c["status"], c["replayed"]) for c in calls] == [
        ("r-1", 200, False),
        ("r-1", 200, True),
        ("r-2", 400, False),
    ]


def test_same_key_with_other_parameters_is_a_conflict(emulator: Running, workflow: Json) -> None:
    emulator.release(workflow["workflow_id"], "paid", key="r-1")

    answer = emulator.release(workflow["workflow_id"], "failed", key="r-1")

    assert answer.status_code == 409
    assert state(emulator, workflow) == "COMMITTED"


@pytest.mark.parametrize(
    ("after", "next_key"), [(False, (200, "COMMITTED")), (True, (400, "COMMITTED"))]
)
def test_stored_500_is_replayed_until_another_key_comes(
    emulator: Running, workflow: Json, after: bool, next_key: tuple[int, str]
) -> None:
    emulator.control("faults", on="release", kind="status", status=500, after=after)

    answers = [emulator.release(workflow["workflow_id"], "paid", key="g-1") for _ in range(3)]
    applied = state(emulator, workflow)
    other = emulator.release(workflow["workflow_id"], "paid", key="g-2")

    assert [a.status_code for a in answers] == [500, 500, 500]
    assert applied == ("COMMITTED" if after else "COMMITTING")
    assert (other.status_code, state(emulator, workflow)) == next_key


def test_stored_result_is_kept_for_a_day(emulator: Running, workflow: Json) -> None:
    emulator.control("faults", on="release", kind="status", status=500)
    emulator.release(workflow["workflow_id"], "paid", key="g-1")

    emulator.control("clock", advance_seconds=86_400 - 60)
    assert emulator.release(workflow["workflow_id"], "paid", key="g-1").status_code == 500
    emulator.control("clock", advance_seconds=120)

    assert emulator.release(workflow["workflow_id"], "paid", key="g-1").status_code == 200


def test_validation_errors_and_rate_limits_do_not_bind_the_key(
    emulator: Running, workflow: Json
) -> None:
    assert emulator.release(workflow["workflow_id"], "maybe", key="g-1").status_code == 400
    emulator.control("faults", on="release", kind="rate_limited", retry_after=7)
    limited = emulator.release(workflow["workflow_id"], "paid", key="g-1")

    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "7")
    assert limited.headers["X-Metronome-Rate-Limit-Type"] == "client"
    assert emulator.release(workflow["workflow_id"], "paid", key="g-1").status_code == 200


def test_same_key_at_the_same_time_is_a_conflict_that_is_not_stored(
    emulator: Running, workflow: Json
) -> None:
    emulator.control("faults", on="release", kind="slow", seconds=0.8)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(emulator.release, workflow["workflow_id"], "paid", "g-1")
        until(lambda: bool(emulator.workflows(workflow["contract_id"])[0]["release_calls"]))
        meanwhile = emulator.release(workflow["workflow_id"], "paid", key="g-1")

        assert meanwhile.status_code == 409
        assert slow.result().status_code == 200
    assert emulator.release(workflow["workflow_id"], "paid", key="g-1").status_code == 200


def test_racing_releases_have_one_winner(emulator: Running, workflow: Json) -> None:
    together = threading.Barrier(6)

    def race(number: int) -> int:
        together.wait()
        outcome = "paid" if number % 2 else "failed"
        return emulator.release(workflow["workflow_id"], outcome).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(race, range(6)))

    assert statuses == [200, 400, 400, 400, 400, 400]


def test_keys_count_on_every_post(emulator: Running) -> None:
    def create(name: str) -> httpx.Response:
        key = {"Idempotency-Key": "c-1"}
        return emulator.http.post("/v1/customers", json={"name": name}, headers=key)

    first, again, other = create("Ada"), create("Ada"), create("Bo")

    assert first.json() == again.json()
    assert (other.status_code, len(emulator.books()["customers"])) == (409, 1)


def test_replayed_answer_shows_what_was_then(emulator: Running, workflow: Json) -> None:
    wanted = {"customer_id": workflow["customer_id"], "contract_id": workflow["contract_id"]}
    key = {"Idempotency-Key": "get-1"}
    first = emulator.http.post("/v2/contracts/get", json=wanted, headers=key)

    emulator.release(workflow["workflow_id"], "failed")

    assert not is_enabled(emulator, workflow)
    assert emulator.http.post("/v2/contracts/get", json=wanted, headers=key).text == first.text


def test_token_is_checked_when_one_is_set(start: Start) -> None:
    emulator = start(token="sk-1")
    path = "/v1/customers"

    assert emulator.http.get(path).status_code == 200
    for header in ("Bearer sk-2", "Bearer", "Basic sk-1", ""):
        answer = emulator.http.get(path, headers={"Authorization": header})
        assert (answer.status_code, list(answer.json())) == (401, ["message"])


def test_any_token_will_do_otherwise_but_not_none(emulator: Running) -> None:
    any_token = {"Authorization": "Bearer whatever"}

    assert emulator.http.get("/v1/customers", headers=any_token).status_code == 200
    assert httpx.get(f"{emulator.url}/v1/customers").status_code == 401
    assert httpx.get(f"{emulator.url}/_emulator/healthz").json() == {"status": "ok"}
