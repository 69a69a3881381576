"""After a failed payment: Metronome is read, the threshold goes on when it may, once, proven."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from external_gate.domain.aftermath import Stage, Way
from external_gate.domain.host_notice import NoticeFilter, NoticeType
from external_gate.domain.identifiers import WorkflowId
from external_gate.testkit.store_checks.store_samples import SUCCESS, begun, key_of
from external_gate.thresholds import by_hand
from external_gate.thresholds.after_failed import IGNORED_AGAIN
from external_gate.thresholds.aftercare import LEASE
from external_gate.thresholds.aftercare_policy import COMMAND_LOOK, LOOK_AGAIN
from external_gate.thresholds.contract_books import ContractBooks
from external_gate.thresholds.once import reenabling_key
from tests.databases import Database
from tests.thresholds.conftest import ON, Account, Killable, Killed, MovedClock
from tests.thresholds.ward import Deadly, Ward

DAY = timedelta(days=1)
POLL = timedelta(minutes=15)


@pytest.fixture
async def ward(
    account: Account, clock: MovedClock, wire: Killable, database: Database
) -> AsyncIterator[Ward]:
    store = database.store()
    await store.open()
    store.keep_notices(dict.fromkeys(NoticeType, ("erp",)))
    found = Ward(account, store, clock, Deadly(wire))
    found.admit()
    yield found
    assert not found.heard.errors
    await store.close()


async def notices(ward: Ward) -> list[str]:
    return [kept.type for kept in reversed(await ward.store.host_notices(NoticeFilter()))]


async def _begun(ward: Ward, name: str, **facts: Any) -> None:
    at = ward.clock.now() - DAY
    await begun(ward.store, WorkflowId(name), at=at, **{"customer_id": ward.customer_id, **facts})


async def test_history_says_what_metronome_did(ward: Ward) -> None:
    failed = await ward.fail()

    await ward.aftercare(Way.NOTHING).run_once()

    seen = (await ward.store.history(failed))[-1]
    assert seen.event == "metronome_read_back"
    assert seen.facts == {"invoice": "void", "threshold": "spend off"}
    assert (await ward.aftermath(failed)).stage is Stage.LEFT
    assert await notices(ward) == ["workflow.cancelled", "threshold.disabled"]
    assert not ward.is_on()
    assert not ward.wire.edits


async def test_what_is_not_switched_off_is_never_called_off(ward: Ward) -> None:
    ward.account.control(f"invoices/{ward.newest()['invoice_id']}/void")
    failed = await ward.fail(is_released=False)
    care = ward.aftercare()

    await care.run_once()
    assert (await ward.aftermath(failed)).stage is Stage.CONFIRMING
    ward.clock.moved += timedelta(minutes=11)
    await care.run_once()

    assert (await ward.aftermath(failed)).stage is Stage.LEFT
    assert (await ward.store.history(failed))[-1].facts["threshold"] == "spend on"
    assert "threshold.disabled" not in await notices(ward)


async def test_word_of_the_host_switches_it_on_and_metronome_evaluates_at_once(ward: Ward) -> None:
    failed = await ward.fail()
    care = ward.aftercare()
    await care.run_once()
    assert (await ward.aftermath(failed)).stage is Stage.WAITING
    assert not ward.wire.edits

    await ward.told()
    await care.run_once()

    assert ward.is_on()
    assert len(ward.account.workflows(ward.contract_id)) == 2
    assert await ward.events(failed) == [
        "metronome_read_back",
        "re_enable_intended",
        "threshold_enabled",
    ]
    intended = (await ward.store.history(failed))[-2]
    assert intended.reason == "shop told that the payer changed"
    assert (await notices(ward))[-2:] == ["threshold.disabled", "threshold.enabled"]
    ward.clock.moved += DAY
    assert await care.run_once() == 0
    assert len(ward.wire.edits) == 1


async def test_other_payment_method_at_the_payer_source_switches_it_on(ward: Ward) -> None:
    failed = await ward.fail()
    care = ward.aftercare()
    await care.run_once()
    ward.clock.moved += POLL
    await care.run_once()
    assert not ward.wire.edits

    ward.pays_by(customer="", method="")  # nobody is no other payer
    ward.clock.moved += POLL
    await care.run_once()
    assert not ward.wire.edits
    ward.pays_by(customer="cus_1", method="pm_2")
    ward.clock.moved += POLL
    await care.run_once()

    assert (await ward.aftermath(failed)).stage is Stage.ENABLED
    assert ward.is_on()


async def test_word_from_before_the_cancel_is_not_lost(ward: Ward) -> None:
    await _begun(ward, "an-earlier-one", workflow_type="prepaid", contract_id="another")
    await ward.told()

    failed = await ward.fail()
    await ward.aftercare().run_once()

    assert (await ward.aftermath(failed)).stage is Stage.ENABLED


@pytest.mark.parametrize("way", [Way.NOTHING, Way.COMMAND])
async def test_nothing_goes_on_unasked_where_the_configuration_says_so(
    ward: Ward, way: Way
) -> None:
    failed = await ward.fail()
    care = ward.aftercare(way, schedule=(DAY,))

    await care.run_once()
    await ward.told()
    ward.clock.moved += 30 * DAY
    await care.run_once()

    assert not ward.wire.edits
    wanted = Stage.LEFT if way is Way.NOTHING else Stage.WAITING
    assert (await ward.aftermath(failed)).stage is wanted


async def test_schedule_switches_on_in_its_time_and_not_more_often(ward: Ward) -> None:
    care = ward.aftercare(Way.SCHEDULE, schedule=(DAY, 3 * DAY), limit=9)
    for wait in (DAY, 3 * DAY):
        failed = await ward.fail()
        await care.run_once()
        ward.clock.moved += wait - timedelta(minutes=1)
        await care.run_once()
        assert not ward.is_on()
        ward.clock.moved += timedelta(minutes=1)
        await care.run_once()
        assert ward.is_on()
    failed = await ward.fail()

    for _ in range(9):
        await care.run_once()
        ward.clock.moved += 9 * DAY

    assert not ward.is_on()
    left = await ward.aftermath(failed)
    assert (left.stage, left.tries) == (Stage.LEFT, 0)
    assert left.detail == "after_failed.schedule is over after 2 times"
    assert len(ward.wire.edits) == 2


async def test_limit_is_never_passed_by_any_way(ward: Ward) -> None:
    care = ward.aftercare(limit=2)
    for _ in range(2):
        await ward.fail()
        await ward.told()
        await care.run_once()
        assert ward.is_on()
    failed = await ward.fail()

    await ward.told()
    await care.run_once()

    assert not ward.is_on()
    assert (await ward.aftermath(failed)).stage is Stage.LEFT
    assert (await ward.events(failed))[-1] == "threshold_left_off"


async def test_silently_ignored_switching_on_is_tried_again_then_reported(ward: Ward) -> None:
    ward.account.control("faults", on="edit", kind="ignored", times=9)
    failed = await ward.fail()
    care = ward.aftercare()
    await ward.told()

    await care.run_once()
    assert (await ward.events(failed))[-1] == "re_enable_ignored"
    for wait in IGNORED_AGAIN:
        ward.clock.moved += wait
        await care.run_once()

    lost = await ward.aftermath(failed)
    assert (lost.stage, lost.tries) == (Stage.GIVEN_UP, 3)
    assert "enabled is off, not on" in lost.detail
    (incident,) = await ward.store.incidents(failed)
    assert incident.kind == "threshold_not_enabled"
    assert (await notices(ward))[-1] == "incident.raised"
    assert "threshold.enabled" not in await notices(ward)
    keys = [call.body for call in ward.wire.edits]
    assert len(set(keys)) == len(keys) == 3


async def test_switching_on_that_was_ignored_once_is_made_good(ward: Ward) -> None:
    ward.account.control("faults", on="edit", kind="ignored", times=1)
    failed = await ward.fail()
    care = ward.aftercare()
    await ward.told()
    await care.run_once()
    ward.clock.moved += IGNORED_AGAIN[0]

    await care.run_once()

    assert (await ward.aftermath(failed)).stage is Stage.ENABLED
    assert ward.is_on()


async def test_it_waits_while_another_workflow_of_the_contract_is_open(ward: Ward) -> None:
    failed = await ward.fail()
    workflow = ward.facts(ward.newest())
    await _begun(ward, "somebody-elses", workflow_type="prepaid", **workflow)
    care = ward.aftercare()
    await ward.told()

    await care.run_once()
    ward.clock.moved += LOOK_AGAIN
    await care.run_once()

    assert not ward.wire.edits
    waiting = await ward.aftermath(failed)
    assert waiting.detail == "workflow somebody-elses of the contract is open"
    assert (await ward.events(failed)).count("re_enable_put_off") == 1


async def test_it_waits_while_the_contract_has_an_open_incident(ward: Ward) -> None:
    failed = await ward.fail()
    await ward.incident(failed)
    care = ward.aftercare()
    await ward.told()

    for _ in range(3):
        await care.run_once()
        ward.clock.moved += LOOK_AGAIN

    assert not ward.wire.edits
    waiting = await ward.aftermath(failed)
    assert (waiting.stage, waiting.tries) == (Stage.WAITING, 0)
    assert waiting.detail.endswith("has an open incident: late_success")


async def test_it_waits_for_evidence_that_nobody_has_read(ward: Ward) -> None:
    failed = await ward.fail()
    await ward.store.append_evidence(key_of(failed), [SUCCESS])
    await ward.told()

    await ward.aftercare().run_once()

    assert not ward.wire.edits


async def test_it_ends_when_somebody_else_switched_it_on(ward: Ward) -> None:
    failed = await ward.fail()
    care = ward.aftercare()
    await care.run_once()
    ward.account.sdk.v2.contracts.edit(
        customer_id=ward.customer_id,
        contract_id=ward.contract_id,
        update_spend_threshold_configuration={"is_enabled": True},
    )
    ward.clock.moved += timedelta(minutes=1)
    follower = await ward.receive()

    await ward.told()
    await care.run_once()

    ended = await ward.aftermath(failed)
    assert (ended.stage, ended.detail) == (Stage.FOLLOWED, f"workflow {follower} followed")
    assert not ward.wire.edits


@pytest.mark.parametrize("dies", ["before", "after"])
async def test_killed_around_the_call_nothing_is_switched_on_twice(ward: Ward, dies: str) -> None:
    failed = await ward.fail()
    await ward.told()
    ward.wire.dies = dies
    with pytest.raises(Killed):
        await ward.aftercare().run_once()
    assert (await ward.aftermath(failed)).stage is Stage.ENABLING
    ward.wire.dies = ""
    care = ward.aftercare()
    assert await care.run_once() == 0  # its lease is still good

    ward.clock.moved += LEASE
    await care.run_once()

    ended = await ward.aftermath(failed)
    assert (ended.stage, ended.tries) == (Stage.ENABLED, 1)
    assert len(ward.account.edits(ward.customer_id, ward.contract_id)) == 1
    assert (await ward.events(failed)).count("re_enable_intended") == 1
    assert (await notices(ward)).count("threshold.enabled") == 1


async def test_killed_after_the_call_and_failed_again_nothing_is_switched_on_twice(
    ward: Ward,
) -> None:
    failed = await ward.fail()
    await ward.told()
    ward.wire.dies = "after"
    with pytest.raises(Killed):
        await ward.aftercare().run_once()
    ward.wire.dies = ""
    ward.clock.moved += timedelta(minutes=1)
    follower = await ward.fail()

    ward.clock.moved += LEASE
    await ward.aftercare(Way.NOTHING).run_once()

    assert (await ward.aftermath(failed)).stage is Stage.FOLLOWED
    assert (await ward.aftermath(follower)).stage is Stage.LEFT
    assert not ward.is_on()
    assert len(ward.wire.edits) == 1


async def test_replica_that_was_stopped_in_mid_call_switches_nothing_on_late(ward: Ward) -> None:
    failed = await ward.fail()
    await ward.told()
    slow, quick = ward.aftercare(), ward.aftercare()

    async def others_go_on() -> None:
        ward.clock.moved += LEASE
        assert await quick.run_once() == 1
        assert ward.is_on()
        ward.clock.moved += timedelta(minutes=1)
        await ward.fail()

    ward.wire.meanwhile = others_go_on
    await slow.run_once()

    assert (await ward.aftermath(failed)).stage is Stage.ENABLED
    assert not ward.is_on()
    assert len(ward.account.edits(ward.customer_id, ward.contract_id)) == 1


async def test_books_that_forgot_their_try_switch_nothing_on_again(ward: Ward) -> None:
    failed = await ward.fail()
    ward.account.sdk.v2.contracts.edit(
        customer_id=ward.customer_id,
        contract_id=ward.contract_id,
        uniqueness_key=reenabling_key(failed, 1),
        update_spend_threshold_configuration={"is_enabled": True},
    )
    ward.release(ward.newest()["workflow_id"])  # by a life of which the books know nothing
    care = ward.aftercare()
    await ward.told()

    for _ in range(9):
        await care.run_once()
        ward.clock.moved += DAY

    assert (await ward.aftermath(failed)).stage is Stage.GIVEN_UP
    assert len(await ward.store.incidents(failed)) == 1
    assert not ward.is_on()


async def test_two_replicas_at_once_switch_it_on_once(ward: Ward) -> None:
    failed = await ward.fail()
    await ward.told()

    done = await asyncio.gather(ward.aftercare().run_once(), ward.aftercare().run_once())

    assert sorted(done) == [0, 1]
    assert (await ward.aftermath(failed)).stage is Stage.ENABLED
    assert len(ward.wire.edits) == 1


async def test_metronome_that_is_away_is_asked_again(ward: Ward) -> None:
    failed = await ward.fail()
    await ward.told()
    ward.account.control("faults", on="contract", kind="status", status=503, times=1)
    care = ward.aftercare()

    await care.run_once()
    assert (await ward.aftermath(failed)).stage is Stage.CONFIRMING
    ward.clock.moved += timedelta(seconds=5)
    await care.run_once()

    assert (await ward.aftermath(failed)).stage is Stage.ENABLED


async def test_unanswered_call_is_repeated_under_its_key(ward: Ward) -> None:
    failed = await ward.fail()
    await ward.told()
    ward.account.control("faults", on="edit", kind="drop_after", times=3)
    care = ward.aftercare()

    await care.run_once()
    ward.clock.moved += LEASE
    await care.run_once()

    assert (await ward.aftermath(failed)).stage is Stage.ENABLED
    assert len({call.body for call in ward.wire.edits}) == 1
    assert len(ward.account.edits(ward.customer_id, ward.contract_id)) == 1


async def test_gate_that_was_given_away_is_left_alone(ward: Ward) -> None:
    failed = await ward.fail()
    care = ward.aftercare()
    await care.run_once()
    ward.account.sdk.v2.contracts.edit(
        customer_id=ward.customer_id,
        contract_id=ward.contract_id,
        update_spend_threshold_configuration={
            "payment_gate_config": {"payment_gate_type": "NONE", "tax_type": "NONE"}
        },
    )

    await ward.told()
    await care.run_once()

    left = await ward.aftermath(failed)
    assert (left.stage, left.detail) == (
        Stage.LEFT,
        "the threshold's gate is NONE now: not ours",
    )


async def test_command_of_a_person_is_noted_once_with_the_failed_payment(
    ward: Ward, clock: MovedClock
) -> None:
    failed = await ward.fail()
    care = ward.aftercare(Way.COMMAND)
    await care.run_once()
    thresholds = care._steps.thresholds
    known = await ContractBooks(ward.store, clock).workflows(ward.customer_id, ward.contract_id)
    prepared = await thresholds.prepare(ward.customer_id, ward.contract_id, ON)
    proven = await thresholds.apply(prepared)

    for _ in range(2):  # repeated, as after a kill
        await by_hand.note(
            ward.store, prepared, replace(proven, was_sent=False), known, who="ada", now=clock.now()
        )

    ended = await ward.aftermath(failed)
    assert ended.stage is Stage.ENABLED
    assert ended.detail.endswith("by command of ada")
    last = (await ward.store.history(failed))[-1]
    assert (last.event, last.who) == ("threshold_enabled", "ada")
    assert (await notices(ward)).count("threshold.enabled") == 1
    clock.moved += COMMAND_LOOK
    assert await care.run_once() == 0
