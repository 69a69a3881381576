"""Payer sources: ours are certified, and every naive one gets its finding."""

from collections.abc import Callable

import pytest

from external_gate.domain.errors import Broken
from external_gate.testkit import PayerRig, Status, certify_payers
from external_gate.testkit.payer_conformance import Part
from external_gate.testkit.payer_report import CHECKS
from tests.tallies import count
from tests.testkit import naive_payers
from tests.testkit.payer_rigs import SECRET, CustomFieldsRig, HttpPayersRig, TableRig

ALL = {check.id for check in CHECKS}
NEEDS_PROXY = {
    "strange-is-no-answer",
    "does-not-block",
    "ends-when-cancelled",
    "only-way-out",
}


@pytest.mark.parametrize(
    ("make_rig", "untried"),
    [
        (HttpPayersRig, set()),
        (CustomFieldsRig, NEEDS_PROXY | {"down-is-unavailable"}),
        (TableRig, NEEDS_PROXY | {"broken-record-is-no-payer"}),
    ],
)
async def test_our_sources_are_certified(
    make_rig: Callable[[], PayerRig], untried: set[str]
) -> None:
    report = await certify_payers(make_rig)

    assert not report.findings, report.as_text()
    assert report.passed
    assert {one for one in ALL if report.status(one) is Status.NOT_EXERCISED} == untried


@pytest.mark.parametrize(
    ("naive", "part", "found"),
    [
        (naive_payers.NobodyWhenDown, Part.DOWN, {"down-is-unavailable"}),
        (naive_payers.Believes404, Part.STRANGE, {"strange-is-no-answer"}),
        (naive_payers.RaisesForNobody, Part.FINDS, {"raises-only-ours", "nobody-is-none"}),
        (naive_payers.UnavailableForNobody, Part.FINDS, {"nobody-is-none"}),
        (naive_payers.Forgets, Part.FINDS, {"payer-is-found"}),
        (naive_payers.TakesAnyText, Part.BROKEN_RECORDS, {"broken-record-is-no-payer"}),
        (naive_payers.LetsParserRaise, Part.STRANGE, {"raises-only-ours"}),
        (naive_payers.WaitsForEver, Part.DOWN, {"comes-back-in-time"}),
        (naive_payers.Blocks, Part.MANNERS, {"does-not-block"}),
        (naive_payers.OwnClient, Part.FINDS, {"only-way-out"}),
        (naive_payers.CannotBeCancelled, Part.MANNERS, {"ends-when-cancelled"}),
        (naive_payers.RemembersQuestion, Part.MANNERS, {"keeps-questions-apart"}),
        (naive_payers.ChangesQuestion, Part.FINDS, {"question-unchanged"}),
        (naive_payers.TellsSecret, Part.DOWN, {"secrets-stay-out-of-errors"}),
        (naive_payers.LogsSecret, Part.FINDS, {"secrets-stay-out-of-logs"}),
    ],
)
async def test_naive_source_gets_its_finding(
    naive: type[naive_payers.Careful], part: Part, found: set[str]
) -> None:
    report = await certify_payers(lambda: HttpPayersRig(naive), parts=[part])

    assert {finding.check.id for finding in report.findings} == found, report.as_text()
    assert not report.passed
    for finding in report.findings:
        assert finding.check.cure in report.as_text()
        assert SECRET not in report.as_text()
    count("naive payer sources found out")


def test_every_check_has_a_naive_source() -> None:
    [mark] = [
        mark
        for mark in test_naive_source_gets_its_finding.pytestmark  # type: ignore[attr-defined]  # pytest's own
        if mark.name == "parametrize"
    ]

    assert set().union(*(found for _, _, found in mark.args[1])) == ALL


async def test_source_with_settings_of_another_is_refused_with_the_cure() -> None:
    class Wrong(HttpPayersRig):
        def settings(self, base_url: str) -> dict[str, object]:
            return {"uri": base_url}

    with pytest.raises(Broken, match="no keys of"):
        await certify_payers(Wrong)
