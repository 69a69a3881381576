"""`external-gate send` against the receiving side of a real service."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from external_gate.domain.workflow import Facts, State, Workflow
from external_gate.stores.store_records import Notification, WorkflowFilter
from tests.cli.conftest import Home, receiving

SAMPLES = Path(__file__).parent.parent / "samples" / "metronome"


@pytest.fixture
def service(home: Home) -> Iterator[int]:
    """Run a service; the configuration names its port."""
    with receiving(home) as port:
        home.configure(port=port)
        yield port


def workflows_of(home: Home) -> list[Workflow]:
    return list(home.with_store(lambda store: store.workflows(WorkflowFilter())))


def facts_of(home: Home) -> list[Facts]:
    return [workflow.facts for workflow in workflows_of(home)]


def kept(home: Home) -> list[Notification]:
    return list(home.with_store(lambda store: store.notifications(limit=100)))


def sent(stdout: str) -> list[tuple[int, str]]:
    return [(row["status"], row["answer"]) for row in json.loads(stdout)]


@pytest.mark.usefixtures("service")
def test_one_notification_with_everything_from_the_configuration(home: Home) -> None:
    result = home.run("send")

    (facts,) = facts_of(home)
    assert result.exit_code == 0
    assert result.stdout.startswith("200 recorded  ")
    assert result.stdout.rstrip().endswith(f"workflow {facts.workflow_id}")
    assert (facts.total, facts.currency, facts.workflow_type) == (Decimal(1500), "USD", "spend")


@pytest.mark.usefixtures("service")
def test_options_say_what_it_says(home: Home) -> None:
    wording = {
        "--workflow-id": "w", "--customer-id": "cu", "--contract-id": "co", "--invoice-id": "in",
        "--total": "12.50", "--currency": "EUR", "--workflow-type": "prepaid",
    }  # fmt: skip

    assert home.run("send", *(word for pair in wording.items() for word in pair)).exit_code == 0

    (facts,) = facts_of(home)
    ids = (facts.workflow_id, facts.customer_id, facts.contract_id, facts.invoice_id)
    assert ids == ("w", "cu", "co", "in")
    assert (facts.total, facts.currency) == (Decimal("12.50"), "EUR")
    assert facts.workflow_type == "prepaid"


@pytest.mark.usefixtures("service")
def test_several_times_means_several_workflows_of_one_customer(home: Home) -> None:
    assert home.run("send", "--times", "3").exit_code == 0

    facts = facts_of(home)
    assert len({each.workflow_id for each in facts}) == 3
    assert len({each.invoice_id for each in facts}) == 3
    assert len({each.customer_id for each in facts}) == 1


@pytest.mark.usefixtures("service")
def test_the_same_workflow_several_times_is_a_duplicate(home: Home) -> None:
    result = home.run("send", "--times", "2", "--workflow-id", "w", "--json")

    assert sent(result.stdout) == [(200, "recorded"), (200, "duplicate")]
    assert len(facts_of(home)) == 1


@pytest.mark.usefixtures("service")
def test_duplicate_delivers_the_same_bytes_twice(home: Home) -> None:
    result = home.run("send", "--duplicate", "--json")

    assert sent(result.stdout) == [(200, "recorded"), (200, "duplicate")]
    assert [each.deliveries for each in kept(home)] == [2]


@pytest.mark.usefixtures("service")
def test_set_changes_fields_and_keeps_every_digit(home: Home) -> None:
    result = home.run(
        "send",
        *("--set", "properties.invoice_total=1500.10000000000000000001"),
        *("--set", "properties.note=hello"),
        *("--set", 'properties.more={"a": [1.50, null]}'),
        *("--set", "id=my-id"),
    )

    (notification,) = kept(home)
    assert result.exit_code == 0
    assert notification.notification_id == "my-id"
    assert b'"invoice_total":1500.10000000000000000001,' in notification.body
    assert b'"note":"hello"' in notification.body
    assert b'"more":{"a":[1.50,null]}' in notification.body


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(
    "sample", sorted(SAMPLES.glob("payment_gate.*.json")), ids=lambda found: found.stem
)
def test_file_is_sent_byte_for_byte(home: Home, sample: Path) -> None:
    assert home.run("send", "--file", str(sample)).exit_code == 0

    assert [each.body for each in kept(home)] == [sample.read_bytes()]


@pytest.mark.usefixtures("service")
def test_standard_input_is_sent_even_when_it_is_no_json(home: Home) -> None:
    result = home.run("send", "--file", "-", typed=b"\xff\x1b[2J")

    assert (result.exit_code, result.stdout[:12]) == (0, "200 recorded")
    assert [each.body for each in kept(home)] == [b"\xff\x1b[2J"]
    assert kept(home)[0].flaw


@pytest.mark.usefixtures("service")
def test_set_works_on_a_file_too(home: Home) -> None:
    sample = SAMPLES / "payment_gate.external_initiate.json"

    home.run("send", "--file", str(sample), "--set", "properties.workflow_id=w-2")

    assert [facts.workflow_id for facts in facts_of(home)] == ["w-2"]


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("wrong", [["--bad-signature"], ["--age=-10m"], ["--age", "8d"]])
def test_refused_delivery_is_a_no_and_nothing_is_kept(home: Home, wrong: list[str]) -> None:
    result = home.run("send", *wrong)

    assert result.exit_code == 1
    assert result.stdout.startswith("401 the sign")
    assert kept(home) == []


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(("age", "state"), [("10m", State.RECEIVED), ("90h", State.HELD)])
def test_age_dates_the_signature_back(home: Home, age: str, state: State) -> None:
    assert home.run("send", "--age", age).exit_code == 0

    assert [workflow.state for workflow in workflows_of(home)] == [state]


@pytest.mark.usefixtures("service")
def test_other_types_are_sent_too(home: Home) -> None:
    result = home.run("send", "--type", "webhooks.test", "--json")

    assert sent(result.stdout) == [(200, "ignored")]


def test_with_url_and_secret_no_configuration_is_needed(home: Home) -> None:
    with receiving(home) as port:
        home.config.unlink()
        url = f"http://127.0.0.1:{port}/webhooks/metronome"
        result = home.run("send", "--url", url, "--secret", "c4n4ry-secret")

    assert result.exit_code == 0


def test_nobody_there_ends_with_3(home: Home) -> None:
    home.configure(port=9)

    result = home.run("send")

    assert (result.exit_code, result.stdout) == (3, "")
    assert "http://127.0.0.1:9/webhooks/metronome: no connection" in result.stderr


def test_faulty_configuration_ends_with_2(home: Home) -> None:
    home.configure(port=70_000)

    result = home.run("send")

    assert result.exit_code == 2
    assert "server.port" in result.stderr


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (["--total", "much"], "--total"),
        (["--total", "NaN"], "--total"),
        (["--set", "no-value"], "no-value"),
        (["--set", "a..b=1"], "a..b"),
        (["--set", "type.deeper=1"], "type is no object"),
        (["--set", "properties.invoice_total=NaN"], "no exact form"),
        (["--file", "-", "--set", "id=x"], "--set"),
        (["--file", "-", "--total", "1", "--type", "x"], "--total"),
        (["--file", "there-is-none.json"], "there-is-none.json"),
        (["--times", "0"], "--times"),
        (["--age", "soon"], "--age"),
        (["--secret", ""], "--secret"),
    ],
)
def test_wrong_use_ends_with_2_before_anything_is_sent(
    home: Home, wrong: list[str], named: str
) -> None:
    home.configure(port=9)  # nobody listens there: sending would end with 3

    result = home.run("send", *wrong, typed="no json")

    assert result.exit_code == 2
    assert named in result.stderr


def test_help_shows_an_example(home: Home) -> None:
    assert "Example:\n    external-gate send " in home.run("send", "--help").stdout


@pytest.mark.parametrize(
    ("host", "reached"),
    [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("localhost", "localhost")],  # noqa: S104
)
def test_a_service_that_listens_everywhere_is_reached_here(
    home: Home, host: str, reached: str
) -> None:
    result = home.run("send", EXTERNAL_GATE_SERVER__HOST=host, EXTERNAL_GATE_SERVER__PORT="9")

    assert result.exit_code == 3
    assert f"http://{reached}:9/" in result.stderr
