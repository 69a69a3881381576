"""The `http` gateway against a stranger's application in another process, over real sockets."""

import asyncio

from external_gate.domain.money import Money
from external_gate.domain.outcome import (
    Declined,
    DeclineKind,
    Misconfigured,
    NotFound,
    NotSent,
    Pending,
    Succeeded,
    TooLate,
    Undone,
    Unknown,
)
from tests.gateways.conftest import (
    SECRET,
    NewGateway,
    StartHost,
    charge_of,
    request_of,
    sent_of,
)

OTHER_SECRET = "whsec_b3RoZXItc2VjcmV0LW9mLXRoZS1ob3N0LzEyMzQ="
CHARGE = charge_of()
KEY = CHARGE.attempt_key
PAID = Succeeded(f"host-{KEY}", Money(1500, "USD"), reference=KEY)


async def test_charge_succeeds_and_is_found_again(
    start_host: StartHost, gateway_to: NewGateway
) -> None:
    host = start_host("--secret", SECRET)
    gateway = gateway_to(host, secret=SECRET)

    assert await gateway.lookup(sent_of(CHARGE)) == NotFound(conclusive=True)
    assert await gateway.charge(request_of(gateway, CHARGE)) == PAID
    assert await gateway.lookup(sent_of(CHARGE)) == PAID
    assert await gateway.charge(request_of(gateway, CHARGE)) == PAID

    assert host.control("charges") == {"wf-1": {KEY: 1}}
    # The host verified every signature with the official package, and saw no id twice.
    assert len({request["webhook-id"] for request in host.requests}) == 4


async def test_wrong_or_missing_signature_is_our_misconfiguration(
    start_host: StartHost, gateway_to: NewGateway
) -> None:
    host = start_host("--secret", SECRET)

    for settings in ({}, {"secret": OTHER_SECRET}):
        gateway = gateway_to(host, **settings)
        found = await gateway.charge(request_of(gateway, CHARGE))
        assert found == Misconfigured("HTTP 401: the signature is wrong")
        assert isinstance(await gateway.lookup(sent_of(CHARGE)), Unknown)

    assert host.control("charges") == {}


async def test_declines_and_pending(start_host: StartHost, gateway_to: NewGateway) -> None:
    gateway = gateway_to(start_host())

    async def charge(method: str) -> object:
        return await gateway.charge(request_of(gateway, charge_of(method, workflow=method)))

    soft, hard = await charge("pm_decline_soft"), await charge("pm_decline_hard")
    pending, action = await charge("pm_pending"), await charge("pm_action")

    assert isinstance(soft, Declined)
    assert soft.kind is DeclineKind.SOFT
    assert isinstance(hard, Declined)
    assert hard.kind is DeclineKind.HARD
    assert isinstance(pending, Pending)
    assert not pending.needs_customer
    assert isinstance(action, Pending)
    assert action.action_url == "https://host.example/act"


async def test_rejection_does_not_bring_the_secret_home(
    start_host: StartHost, gateway_to: NewGateway
) -> None:
    gateway = gateway_to(start_host("--secret", SECRET), secret=SECRET)

    found = await gateway.charge(request_of(gateway, charge_of("pm_rejected")))

    assert found == Misconfigured("HTTP 422: no such customer; ********")


async def test_pending_becomes_paid_and_the_lookup_says_so(
    start_host: StartHost, gateway_to: NewGateway
) -> None:
    host = start_host()
    gateway = gateway_to(host)
    await gateway.charge(request_of(gateway, charge_of("pm_pending")))

    host.control("finish", {"attempt_key": KEY, "status": "succeeded"})

    assert await gateway.lookup(sent_of(CHARGE)) == PAID


async def test_host_says_look_again_with_a_signature_that_is_believed(
    start_host: StartHost, gateway_to: NewGateway
) -> None:
    heads: list[bytes] = []
    bodies: list[bytes] = []

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        bodies.append(await reader.readexactly(len(b'{"attempt_key": ""}' + KEY.encode())))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(receive, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        host = start_host("--secret", SECRET, "--notify-url", f"http://127.0.0.1:{port}/look")
        gateway = gateway_to(host, secret=SECRET)
        await gateway.charge(request_of(gateway, charge_of("pm_pending")))
        said = {"attempt_key": KEY, "status": "succeeded"}
        await asyncio.to_thread(host.control, "finish", said)

    lines = [line.split(": ", 1) for line in heads[0].decode().split("\r\n")[1:] if line]
    headers = {name.lower(): value for name, value in lines}
    [notice] = gateway.parse_notification(headers, bodies[0], "")
    assert notice.attempt_key == KEY
    assert await gateway.lookup(sent_of(CHARGE)) == PAID


async def test_answer_lost_after_the_effect_is_unknown_and_then_proven(
    start_host: StartHost, gateway_to: NewGateway
) -> None:
    host = start_host()
    gateway = gateway_to(host, timeout_seconds=0.3)

    for fault in ("drop_after", "error_after", "garbage", "wrong_key", "hang_after"):
        charge = charge_of(workflow=fault)
        host.order_faults(f"charge:{fault}")
        assert isinstance(await gateway.charge(request_of(gateway, charge)), Unknown), fault
        assert isinstance(await gateway.lookup(sent_of(charge)), Succeeded), fault
        assert isinstance(await gateway.charge(request_of(gateway, charge)), Succeeded), fault
        assert host.control("charges")[fault] == {charge.attempt_key: 1}


async def test_request_lost_before_the_effect_is_unknown_and_conclusively_absent(
    start_host: StartHost, gateway_to: NewGateway
) -> None:
    host = start_host()
    gateway = gateway_to(host, timeout_seconds=0.3)

    for fault in ("drop_before", "error_before", "hang_before"):
        charge = charge_of(f"pm_{fault}", workflow=fault)
        assert isinstance(await gateway.charge(request_of(gateway, charge)), Unknown), fault
        assert await gateway.lookup(sent_of(charge)) == NotFound(conclusive=True), fault
        assert isinstance(await gateway.charge(request_of(gateway, charge)), Succeeded), fault
        assert host.control("charges")[fault] == {charge.attempt_key: 1}


async def test_lookup_that_fails_is_unknown(start_host: StartHost, gateway_to: NewGateway) -> None:
    host = start_host()
    gateway = gateway_to(host)
    await gateway.charge(request_of(gateway, CHARGE))

    for fault in ("drop_before", "error_before", "drop_after", "garbage", "wrong_key"):
        host.order_faults(f"lookup:{fault}")
        assert isinstance(await gateway.lookup(sent_of(CHARGE)), Unknown), fault


async def test_concurrent_repeats_of_one_key_charge_once(
    start_host: StartHost, gateway_to: NewGateway
) -> None:
    host = start_host()
    gateway = gateway_to(host)
    charge = charge_of("pm_running")
    first = asyncio.create_task(gateway.charge(request_of(gateway, charge)))
    while not host.requests:  # noqa: ASYNC110 # another process cannot set an event
        await asyncio.sleep(0.01)

    repeats = await asyncio.gather(
        *(gateway.charge(request_of(gateway, charge)) for _ in range(5)),
        gateway.lookup(sent_of(charge)),
    )
    host.control("finish", {"attempt_key": KEY, "status": "succeeded"})

    assert all(isinstance(repeat, Pending) for repeat in repeats)
    assert await first == PAID
    assert host.control("charges") == {"wf-1": {KEY: 1}}


async def test_same_key_with_another_body_is_unknown(
    start_host: StartHost, gateway_to: NewGateway
) -> None:
    host = start_host()
    gateway = gateway_to(host)
    await gateway.charge(request_of(gateway, CHARGE))

    found = await gateway.charge(request_of(gateway, charge_of(minor=1501)))

    assert isinstance(found, Unknown)
    assert "409" in found.cause
    assert host.control("charges") == {"wf-1": {KEY: 1}}


async def test_cancel_burns_an_unseen_key(start_host: StartHost, gateway_to: NewGateway) -> None:
    host = start_host()
    gateway = gateway_to(host)

    assert await gateway.cancel(sent_of(CHARGE)) == Undone()
    assert await gateway.cancel(sent_of(CHARGE)) == Undone()

    assert isinstance(await gateway.charge(request_of(gateway, CHARGE)), Declined)
    assert isinstance(await gateway.lookup(sent_of(CHARGE)), Declined)
    assert [sum(keys.values()) for keys in host.control("charges").values()] == [0]


async def test_cancel_stops_what_is_pending_and_comes_too_late_for_what_is_paid(
    start_host: StartHost, gateway_to: NewGateway
) -> None:
    gateway = gateway_to(start_host())
    pending, paid = charge_of("pm_pending", workflow="p"), charge_of(workflow="q")
    await gateway.charge(request_of(gateway, pending))
    await gateway.charge(request_of(gateway, paid))

    assert await gateway.cancel(sent_of(pending)) == Undone()
    assert isinstance(await gateway.lookup(sent_of(pending)), Declined)
    assert await gateway.cancel(sent_of(paid)) == TooLate("money was taken")


async def test_refund_is_repeatable_and_needs_money_taken(
    start_host: StartHost, gateway_to: NewGateway
) -> None:
    gateway = gateway_to(start_host())
    paid = charge_of(workflow="q")
    await gateway.charge(request_of(gateway, paid))

    assert await gateway.refund(sent_of(CHARGE)) == TooLate("nothing was taken")
    assert await gateway.refund(sent_of(paid)) == Undone()
    assert await gateway.refund(sent_of(paid)) == Undone()


async def test_wrong_amount_is_told_truthfully(
    start_host: StartHost, gateway_to: NewGateway
) -> None:
    gateway = gateway_to(start_host())

    found = await gateway.charge(request_of(gateway, charge_of("pm_wrong_amount")))

    assert isinstance(found, Succeeded)
    assert found.amount == Money(1501, "USD")


async def test_host_that_is_down_was_sent_nothing(
    start_host: StartHost, gateway_to: NewGateway
) -> None:
    host = start_host()
    gateway = gateway_to(host)
    host.kill()

    assert isinstance(await gateway.charge(request_of(gateway, CHARGE)), NotSent)
    assert isinstance(await gateway.lookup(sent_of(CHARGE)), Unknown)


async def test_killed_host_finds_its_charges_again(
    start_host: StartHost, gateway_to: NewGateway
) -> None:
    host = start_host()
    await gateway_to(host).charge(request_of(gateway_to(host), CHARGE))
    host.kill()

    again = start_host()

    assert await gateway_to(again).charge(request_of(gateway_to(again), CHARGE)) == PAID
    assert again.control("charges") == {"wf-1": {KEY: 1}}
