"""The sandbox does what its payment methods say, once per key, whatever happens to the answer."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from external_gate.domain.charge import ChargeRequest
from external_gate.domain.errors import Broken, Refused
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
    UndoUnknown,
    Unknown,
)
from external_gate.gateways.enforcement import check_capabilities
from external_gate.gateways.gateway import Gateway, Surroundings
from external_gate.gateways.sandbox import SandboxGateway, SandboxSettings, charges_by_workflow
from tests.gateways.conftest import (
    NOW,
    HandClock,
    ScriptedCaller,
    charge_of,
    request_of,
    sent_of,
)

ABSENT = NotFound(conclusive=True)
NewSandbox = Callable[..., SandboxGateway]


@pytest.fixture
def books(tmp_path: Path) -> Path:
    return tmp_path / "books.db"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def new_sandbox(books: Path, clock: HandClock) -> NewSandbox:
    """Open the sandbox; every one in a test shares the books, as after a restart."""

    def make(**values: object) -> SandboxGateway:
        settings = SandboxSettings.model_validate({"books": books, **values})
        return SandboxGateway(settings, Surroundings("box", ScriptedCaller(), clock))

    return make


@pytest.fixture
def sandbox(new_sandbox: NewSandbox) -> SandboxGateway:
    return new_sandbox()


def captures(books: Path, workflow: str = "wf-1") -> int:
    return sum(charges_by_workflow(books).get(workflow, {}).values())


async def test_ok_takes_the_money_once_however_often_it_is_sent(
    sandbox: SandboxGateway, books: Path
) -> None:
    request = request_of(sandbox, charge_of("pm_ok"))

    first = await sandbox.charge(request)
    repeats = await asyncio.gather(*(sandbox.charge(request) for _ in range(5)))

    key = request.charge.attempt_key
    assert first == Succeeded("sandbox-1", Money(1500, "USD"), reference=key)
    assert repeats == [first] * 5
    assert await sandbox.lookup(sent_of(request.charge)) == first
    assert charges_by_workflow(books) == {"wf-1": {key: 1}}


@pytest.mark.parametrize(
    ("method", "kind", "code"),
    [
        ("pm_decline_soft", DeclineKind.SOFT, "insufficient_funds"),
        ("pm_decline_hard", DeclineKind.HARD, "card_lost"),
        ("pm_visa", DeclineKind.HARD, "unknown_test_method"),
        ("", DeclineKind.HARD, "unknown_test_method"),
    ],
)
async def test_declines_are_stored_under_their_key(
    sandbox: SandboxGateway, books: Path, method: str, kind: DeclineKind, code: str
) -> None:
    request = request_of(sandbox, charge_of(method))

    found = await sandbox.charge(request)

    assert isinstance(found, Declined)
    assert (found.kind, found.code) == (kind, code)
    assert await sandbox.charge(request) == found
    assert await sandbox.lookup(sent_of(request.charge)) == found
    assert captures(books) == 0


@pytest.mark.parametrize("method", ["pm_timeout_charged", "pm_error_500_charged"])
async def test_lost_answer_after_the_charge_is_unknown_and_then_proven(
    sandbox: SandboxGateway, books: Path, method: str
) -> None:
    request = request_of(sandbox, charge_of(method))

    assert isinstance(await sandbox.charge(request), Unknown)
    assert captures(books) == 1
    assert isinstance(await sandbox.lookup(sent_of(request.charge)), Succeeded)
    assert isinstance(await sandbox.charge(request), Succeeded)
    assert captures(books) == 1


async def test_lost_request_is_conclusively_absent_and_succeeds_when_sent_again(
    sandbox: SandboxGateway, books: Path
) -> None:
    request = request_of(sandbox, charge_of("pm_timeout_not_charged"))

    assert isinstance(await sandbox.charge(request), Unknown)
    assert await sandbox.lookup(sent_of(request.charge)) == ABSENT
    assert captures(books) == 0

    assert isinstance(await sandbox.charge(request), Succeeded)
    assert isinstance(await sandbox.lookup(sent_of(request.charge)), Succeeded)
    assert captures(books) == 1


async def test_misconfigured_refuses_us_and_books_nothing(
    sandbox: SandboxGateway, books: Path
) -> None:
    request = request_of(sandbox, charge_of("pm_misconfigured"))

    assert isinstance(await sandbox.charge(request), Misconfigured)
    assert await sandbox.lookup(sent_of(request.charge)) == ABSENT
    assert charges_by_workflow(books) == {}


# Pending ----------------------------------------------------------------------------------------


async def test_pending_succeeds_at_the_nth_lookup(new_sandbox: NewSandbox, books: Path) -> None:
    sandbox = new_sandbox(pending_lookups=3)
    charge = charge_of("pm_pending")

    found: list[object] = [await sandbox.charge(request_of(sandbox, charge)) for _ in range(2)]
    found += [await sandbox.lookup(sent_of(charge)) for _ in range(2)]

    assert all(isinstance(answer, Pending) for answer in found)
    assert captures(books) == 0
    assert isinstance(await sandbox.lookup(sent_of(charge)), Succeeded)
    assert isinstance(await sandbox.lookup(sent_of(charge)), Succeeded)
    assert captures(books) == 1


async def test_pending_ends_after_its_time_also_behind_a_restart(
    new_sandbox: NewSandbox, clock: HandClock, books: Path
) -> None:
    settings = {"pending_lookups": 1000, "pending_seconds": 30}
    sandbox = new_sandbox(**settings)
    charge = charge_of("pm_pending_then_declined")
    await sandbox.charge(request_of(sandbox, charge))
    clock.present += timedelta(seconds=29)
    assert isinstance(await sandbox.lookup(sent_of(charge)), Pending)

    clock.present += timedelta(seconds=1)
    found = await new_sandbox(**settings).lookup(sent_of(charge))

    assert isinstance(found, Declined)
    assert found.code == "bank_debit_failed"
    assert captures(books) == 0


# Undoing ----------------------------------------------------------------------------------------


async def test_cancel_burns_an_unseen_key_for_ever(sandbox: SandboxGateway, books: Path) -> None:
    charge = charge_of("pm_ok")

    assert await sandbox.cancel(sent_of(charge)) == Undone()
    assert await sandbox.cancel(sent_of(charge)) == Undone()

    late = await sandbox.charge(request_of(sandbox, charge))
    assert isinstance(late, Declined)
    assert late.code == "cancelled"
    assert await sandbox.lookup(sent_of(charge)) == late
    assert captures(books) == 0


@pytest.mark.parametrize("method", ["pm_pending", "pm_timeout_not_charged"])
async def test_cancel_stops_what_took_no_money(
    sandbox: SandboxGateway, books: Path, method: str
) -> None:
    charge = charge_of(method)
    await sandbox.charge(request_of(sandbox, charge))

    assert await sandbox.cancel(sent_of(charge)) == Undone()

    for _ in range(3):
        assert isinstance(await sandbox.lookup(sent_of(charge)), Declined)
    assert isinstance(await sandbox.charge(request_of(sandbox, charge)), Declined)
    assert captures(books) == 0


async def test_cancel_comes_too_late_for_money_taken(sandbox: SandboxGateway) -> None:
    charge = charge_of("pm_timeout_charged")
    await sandbox.charge(request_of(sandbox, charge))

    assert await sandbox.cancel(sent_of(charge)) == TooLate("money was taken")
    assert isinstance(await sandbox.lookup(sent_of(charge)), Succeeded)


async def test_cancel_of_a_pending_charge_that_is_due_comes_too_late(
    new_sandbox: NewSandbox, clock: HandClock
) -> None:
    sandbox = new_sandbox(pending_seconds=30)
    charge = charge_of("pm_pending")
    await sandbox.charge(request_of(sandbox, charge))
    clock.present += timedelta(seconds=31)

    assert isinstance(await sandbox.cancel(sent_of(charge)), TooLate)


async def test_refund_gives_back_once_and_only_what_was_taken(sandbox: SandboxGateway) -> None:
    paid, unseen = charge_of("pm_ok"), charge_of("pm_ok", workflow="wf-2")
    declined = charge_of("pm_decline_hard", workflow="wf-3")
    await sandbox.charge(request_of(sandbox, paid))
    await sandbox.charge(request_of(sandbox, declined))

    assert await sandbox.refund(sent_of(paid)) == Undone()
    assert await sandbox.refund(sent_of(paid)) == Undone()
    assert isinstance(await sandbox.refund(sent_of(unseen)), TooLate)
    assert isinstance(await sandbox.refund(sent_of(declined)), TooLate)
    assert isinstance(await sandbox.cancel(sent_of(paid)), TooLate)
    # That money was taken stays true; a look must not read as a decline.
    assert isinstance(await sandbox.lookup(sent_of(paid)), Succeeded)


# What a gateway has to be -----------------------------------------------------------------------


async def test_same_key_with_another_body_is_unknown_and_charges_nothing(
    sandbox: SandboxGateway, books: Path
) -> None:
    for method in ("pm_ok", "pm_timeout_not_charged"):
        charge = charge_of(method, workflow=method)
        await sandbox.charge(request_of(sandbox, charge))
        before = captures(books, method)

        other = replace(charge, amount=Money(1501, "USD"))
        found = await sandbox.charge(request_of(sandbox, other))

        assert isinstance(found, Unknown)
        assert "key reuse" in found.cause
        assert captures(books, method) == before


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"attempt_key":"x"}', b"\xff", b"[" * 100_000]
)
async def test_bytes_that_are_no_order_are_refused(sandbox: SandboxGateway, body: bytes) -> None:
    request = replace(request_of(sandbox, charge_of()), body=body)

    assert isinstance(await sandbox.charge(request), Misconfigured)


async def test_bytes_of_another_attempt_are_refused(sandbox: SandboxGateway, books: Path) -> None:
    request = replace(request_of(sandbox, charge_of(number=2)), charge=charge_of(number=1))

    assert isinstance(await sandbox.charge(request), Misconfigured)
    assert charges_by_workflow(books) == {}


async def test_nothing_is_sent_after_the_deadline(sandbox: SandboxGateway, books: Path) -> None:
    charge = charge_of()
    request = ChargeRequest(charge, sandbox.build(charge), not_after=NOW)

    assert isinstance(await sandbox.charge(request), NotSent)
    assert await sandbox.lookup(sent_of(charge)) == ABSENT


async def test_each_charge_takes_the_delay(new_sandbox: NewSandbox, clock: HandClock) -> None:
    sandbox = new_sandbox(delay_seconds=3)

    await sandbox.charge(request_of(sandbox, charge_of()))

    assert clock.present == NOW + timedelta(seconds=3)


async def test_unusable_books_are_unknown_and_raise_nothing(
    sandbox: SandboxGateway, books: Path
) -> None:
    with books.open("wb") as file:  # nothing else runs in this loop
        file.write(b"these are no books at all, and long enough to be looked at" * 20)
    charge = charge_of()

    assert isinstance(await sandbox.charge(request_of(sandbox, charge)), Unknown)
    assert isinstance(await sandbox.lookup(sent_of(charge)), Unknown)
    assert isinstance(await sandbox.cancel(sent_of(charge)), UndoUnknown)
    assert isinstance(await sandbox.refund(sent_of(charge)), UndoUnknown)


def test_it_keeps_the_contract(sandbox: SandboxGateway) -> None:
    gateway: Gateway = sandbox

    assert check_capabilities(gateway.capabilities) == []
    assert gateway.capabilities.request_timeout == timedelta(seconds=5)
    assert not gateway.capabilities.notifies
    with pytest.raises(Refused):
        gateway.parse_notification({}, b"", "")


def test_missing_folder_stops_the_start(new_sandbox: NewSandbox, tmp_path: Path) -> None:
    with pytest.raises(Broken, match=r"gateways\.box\.books"):
        new_sandbox(books=tmp_path / "nowhere" / "books.db")


@pytest.mark.parametrize(
    "values",
    [
        {"books": ""}, {"delay_seconds": 5}, {"delay_seconds": -1}, {"timeout_seconds": 0},
        {"pending_lookups": 0}, {"pending_seconds": -1}, {"delay": 1},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SandboxSettings.model_validate(values)
