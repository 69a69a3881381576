"""The example hosts charge once, as the real `http` adapter sees it over a real socket."""

import asyncio
from functools import partial

import pytest

from external_gate.domain.identifiers import AttemptKey
from external_gate.domain.outcome import (
    Declined,
    DeclineKind,
    NotFound,
    Pending,
    TooLate,
    Undone,
    UndoPending,
)
from tests.examples.asking import (
    in_one_instant,
    new_charge,
    once,
    paid,
    signed_request,
    takings,
    until,
)
from tests.examples.conftest import CheckingCaller, ExampleHost, NewGateway, Receiver
from tests.gateways.conftest import request_of, sent_of


async def test_charge_is_found_and_repeated_from_the_record(
    host: ExampleHost, gateway_to: NewGateway, caller: CheckingCaller
) -> None:
    gateway, charge = gateway_to(host), new_charge()

    assert await gateway.lookup(sent_of(charge)) == NotFound(conclusive=True)
    assert await gateway.charge(request_of(gateway, charge)) == paid(charge)
    assert await gateway.charge(request_of(gateway, charge)) == paid(charge)
    assert await gateway.lookup(sent_of(charge)) == paid(charge)

    assert await takings(host, caller, charge) == once(charge)


@pytest.mark.parametrize(
    ("method", "kind", "code"),
    [
        ("pm_decline_soft", DeclineKind.SOFT, "insufficient_funds"),
        ("pm_decline_hard", DeclineKind.HARD, "card_lost"),
        ("pm_of_nobody", DeclineKind.HARD, "unknown_test_method"),
    ],
)
async def test_decline_is_final(
    host: ExampleHost, gateway_to: NewGateway, method: str, kind: DeclineKind, code: str
) -> None:
    gateway, charge = gateway_to(host), new_charge(method)

    declined = await gateway.charge(request_of(gateway, charge))

    assert isinstance(declined, Declined)
    assert (declined.kind, declined.code) == (kind, code)
    assert await gateway.charge(request_of(gateway, charge)) == declined
    assert await gateway.lookup(sent_of(charge)) == declined
    assert await gateway.cancel(sent_of(charge)) == Undone()
    assert await gateway.refund(sent_of(charge)) == TooLate("nothing was taken")


async def test_pending_settles_and_says_so_with_a_signature_that_is_believed(
    host: ExampleHost, gateway_to: NewGateway
) -> None:
    gateway = gateway_to(host)
    succeeds, fails = new_charge("pm_pending"), new_charge("pm_pending_then_declined")
    for charge in (succeeds, fails):
        assert isinstance(await gateway.charge(request_of(gateway, charge)), Pending)

    async def told() -> set[AttemptKey]:
        notices = [gateway.parse_notification(*heard, "")[0] for heard in Receiver.heard]
        assert len({notice.event_id for notice in notices}) == len(notices)
        ours = {succeeds.attempt_key, fails.attempt_key}
        return {notice.attempt_key for notice in notices} & ours

    await until(told, {succeeds.attempt_key, fails.attempt_key})
    assert await gateway.lookup(sent_of(succeeds)) == paid(succeeds)
    assert isinstance(await gateway.lookup(sent_of(fails)), Declined)


async def test_customer_who_must_act_is_given_an_address(
    host: ExampleHost, gateway_to: NewGateway
) -> None:
    gateway, charge = gateway_to(host), new_charge("pm_action")

    found = await gateway.charge(request_of(gateway, charge))

    assert isinstance(found, Pending)
    assert found.action_url == "https://bank.example/confirm"


@pytest.mark.parametrize(
    "method", ["pm_timeout_charged", "pm_timeout_not_charged", "pm_error_500_charged"]
)
async def test_provider_that_does_not_answer_is_pending_until_it_is_known(
    host: ExampleHost, gateway_to: NewGateway, caller: CheckingCaller, method: str
) -> None:
    gateway, charge = gateway_to(host), new_charge(method)

    assert isinstance(await gateway.charge(request_of(gateway, charge)), Pending)

    await until(lambda: gateway.lookup(sent_of(charge)), paid(charge))
    assert await takings(host, caller, charge) == once(charge)


async def test_twenty_at_once_charge_once(
    host: ExampleHost, gateway_to: NewGateway, caller: CheckingCaller
) -> None:
    gateway = gateway_to(host)
    for method in ("pm_ok", "pm_timeout_charged", "pm_timeout_not_charged"):
        charge = new_charge(method)
        calls = (gateway.charge(request_of(gateway, charge)) for _ in range(20))

        answers = await asyncio.gather(*calls)

        assert all(answer == paid(charge) or isinstance(answer, Pending) for answer in answers)
        await until(partial(gateway.lookup, sent_of(charge)), paid(charge))
        assert await takings(host, caller, charge) == once(charge)


async def test_twenty_that_arrive_in_one_instant_charge_once(
    host: ExampleHost, gateway_to: NewGateway, caller: CheckingCaller
) -> None:
    gateway = gateway_to(host)
    for _ in range(5):
        charge = new_charge()
        call = signed_request(host, gateway.build(charge), key=charge.attempt_key)

        answers = await in_one_instant(host, [call] * 20)

        assert all(b"HTTP/1.1 200 " in answer for answer in answers)
        assert sum(b'"succeeded"' in answer for answer in answers) >= 1
        assert await takings(host, caller, charge) == once(charge)


async def test_lookup_is_pending_while_a_charge_runs(
    host: ExampleHost, gateway_to: NewGateway
) -> None:
    gateway, charge = gateway_to(host), new_charge("pm_timeout_charged")
    running = asyncio.create_task(gateway.charge(request_of(gateway, charge)))

    await until(lambda: gateway.lookup(sent_of(charge)), Pending)
    assert isinstance(await gateway.charge(request_of(gateway, charge)), Pending)
    assert isinstance(await gateway.refund(sent_of(charge)), UndoPending)

    assert not running.done()
    await running
