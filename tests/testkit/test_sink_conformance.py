"""Notice sinks: ours is certified, and every naive one gets its finding."""

import pytest

from external_gate.domain.errors import Broken
from external_gate.testkit import Status, certify_sink
from external_gate.testkit.sink_conformance import SinkPart
from external_gate.testkit.sink_report import SINK_CHECKS
from tests.tallies import count
from tests.testkit import naive_sinks
from tests.testkit.sink_rigs import SECRET, WebhookRig

ALL = {check.id for check in SINK_CHECKS}


async def test_our_sink_is_certified() -> None:
    report = await certify_sink(WebhookRig)

    assert not report.findings, report.as_text()
    assert report.passed
    assert all(report.status(one) is Status.PASSED for one in ALL)


@pytest.mark.parametrize(
    ("naive", "part", "found"),
    [
        (naive_sinks.NeverTakes, SinkPart.ARRIVES, {"notice-arrives"}),
        (naive_sinks.WritesAnew, SinkPart.ARRIVES, {"bytes-unchanged"}),
        (naive_sinks.NewIdPerTry, SinkPart.ARRIVES, {"bytes-unchanged"}),
        (naive_sinks.FiresAndForgets, SinkPart.UNCLEAR, {"unclear-is-not-taken"}),
        (naive_sinks.SilenceIsConsent, SinkPart.UNCLEAR, {"unclear-is-not-taken"}),
        (naive_sinks.GivesUp, SinkPart.UNCLEAR, {"does-not-give-up-by-itself"}),
        (naive_sinks.RetriesByItself, SinkPart.UNCLEAR, {"no-hidden-retry"}),
        (naive_sinks.RaisesForStatus, SinkPart.UNCLEAR, {"raises-nothing"}),
        (naive_sinks.AnswersTrue, SinkPart.ARRIVES, {"raises-nothing", "notice-arrives"}),
        (naive_sinks.WaitsForEver, SinkPart.UNCLEAR, {"comes-back-in-time"}),
        (naive_sinks.Blocks, SinkPart.MANNERS, {"does-not-block"}),
        (naive_sinks.OwnClient, SinkPart.ARRIVES, {"only-way-out"}),
        (naive_sinks.CannotBeCancelled, SinkPart.MANNERS, {"ends-when-cancelled"}),
        (naive_sinks.RemembersNotice, SinkPart.MANNERS, {"keeps-notices-apart"}),
        (naive_sinks.GoesAnywhere, SinkPart.PRIVATE, {"private-only-when-allowed"}),
        (naive_sinks.LooksAtTheName, SinkPart.PRIVATE, {"private-only-when-allowed"}),
        (naive_sinks.TellsSecret, SinkPart.UNCLEAR, {"secrets-stay-out-of-causes"}),
        (naive_sinks.LogsSecret, SinkPart.ARRIVES, {"secrets-stay-out-of-logs"}),
    ],
)
async def test_naive_sink_gets_its_finding(
    naive: type[naive_sinks.Careful], part: SinkPart, found: set[str]
) -> None:
    report = await certify_sink(lambda: WebhookRig(naive), parts=[part])

    assert {finding.check.id for finding in report.findings} == found, report.as_text()
    assert not report.passed
    for finding in report.findings:
        assert finding.check.cure in report.as_text()
        assert SECRET not in report.as_text()
    count("naive notice sinks found out")


def test_every_check_has_a_naive_sink() -> None:
    [mark] = [
        mark
        for mark in test_naive_sink_gets_its_finding.pytestmark  # type: ignore[attr-defined]  # pytest's own
        if mark.name == "parametrize"
    ]

    assert set().union(*(found for _, _, found in mark.args[1])) == ALL


async def test_sink_with_settings_of_another_is_refused_with_the_cure() -> None:
    class Wrong(WebhookRig):
        def settings(self, base_url: str) -> dict[str, object]:
            return {"uri": base_url}

    with pytest.raises(Broken, match="no keys of"):
        await certify_sink(Wrong)
