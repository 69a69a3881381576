"""Good adapters are certified without a finding: ours, and a stranger's."""

from collections.abc import Callable

import pytest

from external_gate.gateways import registry
from external_gate.testkit import Rig, Status, certify
from external_gate.testkit.http_rig import HttpRig
from external_gate.testkit.rig_registry import find_rig
from external_gate.testkit.sandbox_rig import SandboxRig
from tests.tallies import count
from tests.testkit.piggy_rig import PiggyRig


@pytest.mark.parametrize(
    ("make_rig", "untried"),
    [
        (HttpRig, {"declared-finality", "unsigned-is-a-hint"}),
        (PiggyRig, {"unsigned-is-a-hint"}),
    ],
)
async def test_good_adapter_gets_a_clean_report(
    make_rig: Callable[[], Rig], untried: set[str]
) -> None:
    report = await certify(make_rig, seeds=range(12))

    assert not report.findings, report.findings
    assert report.passed
    assert report.money_was_counted
    left = {one.check.id for one in report.checks if one.status is Status.NOT_EXERCISED}
    assert left == untried
    assert set(report.ends()) <= {"released", "cancelled"}
    count("scenarios played against good adapters", len(report.scenarios))


async def test_adapter_without_an_address_is_certified_as_far_as_it_goes() -> None:
    report = await certify(SandboxRig, seeds=range(6))

    assert not report.findings, report.findings
    assert report.money_was_counted
    reasons = {result.not_exercised for result in report.scenarios}
    assert "the adapter speaks no HTTP to an address" in reasons
    tried = {one.check.id for one in report.checks if one.status is Status.PASSED}
    assert {"silence-is-unknown", "lookup-finds", "declared-idempotency"} <= tried
    assert "one-call-per-charge" not in tried


def test_every_adapter_of_ours_has_a_rig_that_the_runs_above_certify() -> None:
    """A new adapter without a rig, or with one that nobody runs, is noticed the day it is born."""
    ours = {one.name for one in registry.installed() if one.distribution == "external-gate"}

    assert {find_rig(name) for name in ours} == {HttpRig, SandboxRig}
