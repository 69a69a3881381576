"""The report as text, JSON and Markdown: one finding with cure and trace, the score, no secret."""

import json

from external_gate.testkit import Report, as_json, as_markdown, as_text, certify, shipped_scenarios
from tests.testkit.naive_readers import SecretInCause, ServerErrorIsDecline
from tests.testkit.naive_senders import SecretInLogs
from tests.testkit.piggy_fake import SIGNING, TOKEN
from tests.testkit.piggy_rig import PiggyRig, rig_of

WANTED = ("success", "server-error[error_500_after_effect]", "partial", "decimals[CLP]")
SCENARIOS = [scenario for scenario in shipped_scenarios() if scenario.id in WANTED]


async def certified() -> Report:
    return await certify(
        rig_of(ServerErrorIsDecline), scenarios=SCENARIOS, seeds=range(2), run="fixed"
    )


async def test_text_tells_score_finding_cure_and_trace() -> None:
    text = as_text(await certified())

    assert "ServerErrorIsDecline: not certified: " in text
    assert "1 finding\n" in text
    assert "  honesty        " in text
    assert "1. charge under error_500_after_effect was answered Declined (http_500)" in text
    assert "   cure: Return `Unknown` for every status from 500" in text
    assert "[error_500_after_effect] fake: 201; adapter got 500" in text
    assert "the fake's books: 19.99 USD taken as pp-1 for " in text
    assert "Not exercised:\n  CLP is not declared: decimals[CLP]" in text


async def test_json_keeps_its_schema() -> None:
    said = json.loads(as_json(await certified()))

    assert said["schema"] == "external-gate/certification/1"
    assert set(said) == {
        "schema", "subject", "passed", "money_was_counted", "score", "seeds", "ends", "checks",
        "findings", "scenarios",
    }  # fmt: skip
    assert set(said["score"]) == {"passed", "failed", "not_exercised"}
    assert sum(said["score"].values()) == len(said["checks"])
    assert said["passed"] is False
    (finding,) = said["findings"]
    assert set(finding) == {
        "check", "sentence", "cure", "scenario", "scenarios", "trace", "consequences",
    }  # fmt: skip
    assert finding["check"] == "errors-are-unknown"
    reasons = {one["id"]: one["reason"] for one in said["scenarios"]}
    assert reasons["decimals[CLP]"] == "CLP is not declared"


async def test_markdown_is_the_same_in_every_run() -> None:
    first, second = await certified(), await certified()

    assert as_markdown(first) == as_markdown(second)
    assert "# Certification of `tests.testkit.naive_readers.ServerErrorIsDecline`" in as_markdown(
        first
    )
    assert "| `errors-are-unknown` | Every 5xx is `Unknown`. | failed |" in as_markdown(first)


async def test_no_form_of_a_report_holds_a_secret() -> None:
    for adapter in (SecretInCause, SecretInLogs):
        report = await certify(rig_of(adapter), scenarios=SCENARIOS, seeds=(), run="fixed")

        for form in (as_text, as_json, as_markdown):
            assert TOKEN[:12] not in form(report)
            assert SIGNING not in form(report)
            assert "********" in form(report)


async def test_books_that_cannot_be_read_make_no_certificate() -> None:
    class Closed(PiggyRig):
        async def takings(self) -> None:
            return None

    report = await certify(Closed, scenarios=SCENARIOS, seeds=range(2))

    assert not report.findings
    assert not report.money_was_counted
    assert "not certified" in as_text(report)
    assert "The books could not be read" in as_markdown(report)
    assert report.scenarios[-1].not_exercised == "the fake's books cannot be read"
