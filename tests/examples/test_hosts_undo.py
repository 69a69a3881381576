"""The example hosts cancel and refund by the contract, over a real socket."""

import asyncio

from external_gate.domain.outcome import (
    Declined,
    Misconfigured,
    Pending,
    Succeeded,
    TooLate,
    Undone,
    UndoPending,
    Unknown,
)
from tests.examples.asking import new_charge, once, paid, takings, until
from tests.examples.conftest import CheckingCaller, ExampleHost, NewGateway
from tests.gateways.conftest import request_of, sent_of


async def test_refused_by_the_provider_is_no_decline_and_may_be_mended(
    host: ExampleHost, gateway_to: NewGateway
) -> None:
    gateway, charge = gateway_to(host), new_charge("pm_misconfigured")

    for _ in range(2):
        found = await gateway.charge(request_of(gateway, charge))
        assert found == Misconfigured("HTTP 422: the API key is wrong")
    assert isinstance(await gateway.lookup(sent_of(charge)), Unknown)

    assert await gateway.cancel(sent_of(charge)) == Undone()
    assert isinstance(await gateway.charge(request_of(gateway, charge)), Declined)


async def test_cancel_burns_an_unseen_key_for_every_body(
    host: ExampleHost, gateway_to: NewGateway, caller: CheckingCaller
) -> None:
    gateway, charge = gateway_to(host), new_charge()

    assert await gateway.cancel(sent_of(charge)) == Undone()
    assert await gateway.cancel(sent_of(charge)) == Undone()

    for _ in range(2):
        assert isinstance(await gateway.charge(request_of(gateway, charge)), Declined)
    assert isinstance(await gateway.lookup(sent_of(charge)), Declined)
    assert await takings(host, caller, charge) == []


async def test_cancel_and_charge_at_once_agree_on_who_was_first(
    host: ExampleHost, gateway_to: NewGateway, caller: CheckingCaller
) -> None:
    gateway = gateway_to(host)
    charges = [new_charge() for _ in range(20)]
    calls = [gateway.charge(request_of(gateway, charge)) for charge in charges]
    cancels = [gateway.cancel(sent_of(charge)) for charge in charges]

    await asyncio.gather(*calls, *cancels)

    for charge in charges:
        captures = len(await takings(host, caller, charge))
        assert captures <= 1
        undone = await gateway.cancel(sent_of(charge))
        assert undone == (TooLate("money was taken") if captures else Undone())
        assert isinstance(
            await gateway.lookup(sent_of(charge)), Succeeded if captures else Declined
        )


async def test_cancel_stops_what_is_pending_and_not_what_is_paid(
    host: ExampleHost, gateway_to: NewGateway, caller: CheckingCaller
) -> None:
    gateway = gateway_to(host)
    # Waits for its customer; the other would settle by itself meanwhile, with some luck.
    pending, settled = new_charge("pm_action"), new_charge()
    for charge in (pending, settled):
        await gateway.charge(request_of(gateway, charge))

    assert await gateway.cancel(sent_of(pending)) == Undone()
    assert isinstance(await gateway.lookup(sent_of(pending)), Declined)
    assert await gateway.cancel(sent_of(settled)) == TooLate("money was taken")
    assert await takings(host, caller, pending) == []


async def test_cancel_while_the_provider_is_silent_lets_nothing_be_sent_again(
    host: ExampleHost, gateway_to: NewGateway, caller: CheckingCaller
) -> None:
    gateway, charge = gateway_to(host), new_charge("pm_timeout_not_charged")
    running = asyncio.create_task(gateway.charge(request_of(gateway, charge)))
    await until(lambda: gateway.lookup(sent_of(charge)), Pending)

    assert await gateway.cancel(sent_of(charge)) == UndoPending()
    await running
    # Another process has a clock of its own: its first look would come after 0.2 s.
    await asyncio.sleep(0.4)
    await until(lambda: gateway.cancel(sent_of(charge)), Undone())

    assert isinstance(await gateway.lookup(sent_of(charge)), Declined)
    assert await takings(host, caller, charge) == []


async def test_refund_gives_back_once(
    host: ExampleHost, gateway_to: NewGateway, caller: CheckingCaller
) -> None:
    gateway, charge = gateway_to(host), new_charge()
    assert await gateway.refund(sent_of(charge)) == TooLate("nothing was taken")
    await gateway.charge(request_of(gateway, charge))

    at_once = await asyncio.gather(*(gateway.refund(sent_of(charge)) for _ in range(10)))

    assert Undone() in at_once
    assert all(answer in (Undone(), UndoPending()) for answer in at_once)
    assert await gateway.refund(sent_of(charge)) == Undone()
    assert await takings(host, caller, charge) == once(charge, refunds=1)
    assert await gateway.lookup(sent_of(charge)) == paid(charge)
    assert await gateway.cancel(sent_of(charge)) == TooLate("money was taken")
