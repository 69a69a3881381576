"""Every naive adapter is found, by the check that is meant for its fault, and by no other."""

from collections.abc import Sequence

import pytest

from external_gate.testkit import Report, Situation, certify, shipped_scenarios
from tests.tallies import count
from tests.testkit import naive_readers as readers
from tests.testkit import naive_senders as senders
from tests.testkit.piggy_adapter import PiggyGateway
from tests.testkit.piggy_rig import PiggyRig, rig_of

SCENARIOS = {scenario.id: scenario for scenario in shipped_scenarios()}

LOOKUP_502 = "lookup-struck[error_502_before_effect]"

USUAL = (
    "success",
    "repeat-after-success",
    "declined-soft",
    "silence[drop_after_effect]",
    "server-error[error_500_after_effect]",
    "cancel-unseen-key",
    "refund",
    "exact[1999]",
)
"""Played with every one, so that a fault shows where people would not look for it."""


class FourFaults(
    senders.RetriesOnTimeout,
    senders.NewKeyPerCall,
    readers.ServerErrorIsDecline,
    senders.AlwaysTwoDecimals,
):
    """What a first try often looks like."""


async def certified(
    adapter: type[PiggyGateway], *scenarios: str, seeds: Sequence[int] = (), **options: bool
) -> Report:
    wanted = [SCENARIOS[name] for name in dict.fromkeys((*USUAL, *scenarios))]
    return await certify(rig_of(adapter, **options), scenarios=wanted, seeds=seeds, run="naive")


@pytest.mark.parametrize(
    ("adapter", "check", "scenarios"),
    [
        (senders.RetriesOnTimeout, "one-call-per-charge", ["silence[hold_after_effect]"]),
        (senders.NewKeyPerCall, "key-per-attempt", ["two-attempts", "found-again"]),
        (senders.OneKeyForAll, "key-per-attempt", ["two-attempts"]),
        (senders.ChangesTheBytes, "same-bytes", ["decline-lost[declined_soft]"]),
        (senders.BuildsWithTime, "build-is-pure", ["purity"]),
        (senders.ForgetsTheDeadline, "send-deadline", ["too-late"]),
        (senders.FollowsRedirects, "no-redirects", ["redirect"]),
        (senders.BlockingClient, "does-not-block", ["slow-answer", "too-late"]),
        (senders.SwallowsCancellation, "cancellation-safe", ["cut[hold_after_effect]"]),
        (senders.WritesIntoTheCharge, "input-unchanged", ["purity"]),
        (senders.AlwaysTwoDecimals, "amount-decimals", ["decimals[JPY]", "decimals[KWD]"]),
        (senders.Floats, "amount-exact", ["exact[29]", "decimals[JPY]", "decimals[ISK]"]),
        (senders.ChokesOnTexts, "odd-texts", ["odd-texts"]),
        (senders.SecretInBytes, "secrets-stay-out-of-bytes", ["purity"]),
        (senders.SecretInLogs, "secrets-stay-out-of-logs", []),
        (senders.SecretInStructuredLogs, "secrets-stay-out-of-logs", []),
        (senders.RefundsWithNewKeys, "refund-gives-back-once", []),
        (senders.ChangesItsMind, "capabilities-are-constant", ["purity"]),
        (readers.ServerErrorIsDecline, "errors-are-unknown", [LOOKUP_502]),
        (readers.TimeoutIsDecline, "silence-is-unknown", ["silence[hold_before_effect]"]),
        (readers.ConflictIsDecline, "conflict-is-unknown", ["conflict[conflict_409]"]),
        (readers.ResetIsNotSent, "not-sent-is-proven", ["silence[drop_before_effect]"]),
        (readers.AbsentAtOnce, "absence-after-lag", ["seen-late", "never-seen"]),
        (readers.AnyPageIsAbsence, "absence-is-the-gateways-word", ["page-instead-of-absence"]),
        (readers.AuthorisationIsSuccess, "success-is-money", ["authorised"]),
        (readers.ReportsWhatWasAsked, "reports-what-was-taken", ["partial"]),
        (readers.GarbageIsSuccess, "garbage-is-unknown", ["not-an-answer[page_200]"]),
        (readers.ForbiddenIsDecline, "pages-are-unknown", ["page-on-the-way[page_403]"]),
        (readers.BusyIsDecline, "busy-is-unknown", ["busy", "lookup-struck[busy_429]"]),
        (readers.BelievesAnyAnswer, "answers-name-their-charge", ["lookup-older-answer"]),
        (readers.SecretInCause, "secrets-stay-out-of-answers", []),
        (readers.NeverVerifies, "forged-is-refused", ["notification"]),
        (readers.NeverLooksAtTheClock, "stale-is-refused", ["notification"]),
        (readers.AcceptedIsUndone, "undone-is-proven", ["refund-accepted"]),
        (readers.CancelBurnsNothing, "cancel-burns-key", []),
        (readers.CancelsAreSuccesses, "undone-is-proven", ["cancel-paid"]),
        (readers.RaisesOnErrors, "never-raises", []),
        (readers.RaisesOnNoise, "never-raises", ["not-an-answer[garbage_200]"]),
        (readers.DeclinesAreFinal, "declared-finality", ["decline-turns"]),
        (readers.LooksUpByChargeId, "lookup-finds", ["found-again", "never-seen"]),
    ],
)  # fmt: skip
async def test_one_fault_gives_one_finding(
    adapter: type[PiggyGateway], check: str, scenarios: list[str]
) -> None:
    report = await certified(adapter, *scenarios)

    assert [finding.check.id for finding in report.findings] == [check], report.findings
    assert not report.passed
    assert report.findings[0].check.cure
    count("naive adapters found")


async def test_adapter_that_sleeps_in_the_event_loop_is_found() -> None:
    wanted = [SCENARIOS["success"], SCENARIOS["slow-answer"]]  # every call of it takes a while

    report = await certify(rig_of(senders.SleepsInTheLoop), scenarios=wanted, seeds=())

    assert [finding.check.id for finding in report.findings] == ["does-not-block"]


async def test_key_that_is_longer_than_declared_is_found() -> None:
    report = await certified(senders.LongKeys)

    assert [finding.check.id for finding in report.findings] == ["key-per-attempt"]
    assert report.findings[0].sentence == "a key of 60 characters was sent, key_longest is 40"


async def test_four_faults_give_four_findings_and_the_double_charge_is_shown() -> None:
    report = await certified(
        FourFaults,
        "silence[hold_after_effect]",
        "server-error[error_500_before_effect]",
        "decimals[JPY]",
        "exact[29]",
        seeds=range(4),
    )

    found = {finding.check.id: finding for finding in report.findings}
    assert list(found) == [
        "one-call-per-charge", "errors-are-unknown", "key-per-attempt", "amount-decimals",
    ]  # fmt: skip
    doubles = [
        effect
        for finding in report.findings
        for effect in finding.consequences
        if effect.check == "at-most-one-charge"
    ]
    assert doubles[0].sentence == "one attempt took money 3 times"
    assert doubles[0].trace[-1].count("19.99 USD taken as") == 3
    assert sum("POST /v1/payments" in line for line in doubles[0].trace) == 3


async def test_declared_idempotency_that_the_gateway_lacks_is_found() -> None:
    report = await certify(
        lambda: PiggyRig(key_header=None, knows_keys=False),
        scenarios=[SCENARIOS[name] for name in USUAL],
        seeds=range(3),
    )

    assert [finding.check.id for finding in report.findings] == ["declared-idempotency"]
    assert "at-most-one-charge" in {one.check for one in report.findings[0].consequences}


async def test_declines_that_a_repeat_tries_afresh_are_found() -> None:
    report = await certified(PiggyGateway, "stored-decline", declines_stay=False)

    assert [finding.check.id for finding in report.findings] == ["declared-key-stores"]


async def test_unsigned_notification_that_is_believed_is_found() -> None:
    believing = await certified(readers.TrustsUnsigned, "notification", signs=False)
    hinting = await certified(readers.HintsUnsigned, "notification", signs=False)

    assert [finding.check.id for finding in believing.findings] == ["unsigned-is-a-hint"]
    assert not hinting.findings


async def test_lives_alone_find_an_adapter_that_turns_silence_into_declines() -> None:
    report = await certify(rig_of(readers.TimeoutIsDecline), scenarios=[], seeds=[1], run="lives")

    assert [finding.check.id for finding in report.findings] == ["life-failed-is-no-money"]
    trace = report.findings[0].trace
    assert trace[0].startswith("seed ")
    assert any("Metronome heard failed" in line for line in trace)
    assert "19.99 USD taken as" in trace[-1]


async def test_what_the_rig_cannot_play_is_never_passed() -> None:
    class Poor(PiggyRig):
        @property
        def payers(self):  # type: ignore[no-untyped-def]  # the good rig's, cut short
            return {Situation.SUCCEEDS: super().payers[Situation.SUCCEEDS]}

    report = await certify(Poor, scenarios=[SCENARIOS["partial"], SCENARIOS["success"]], seeds=())

    partial = report.scenarios[0]
    assert partial.not_exercised == "the rig has no payer for takes_less"
    assert partial.status == "not exercised"
    untried = {one.check.id for one in report.checks if one.status == "not exercised"}
    assert "lookup-finds" in untried
