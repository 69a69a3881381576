"""The example hosts are killed in mid-charge, and afterwards honest: one charge, no lost key."""

import asyncio
import json
import resource
import sys
from functools import partial

import pytest

from external_gate.domain.outcome import Declined, NotFound, Pending, Succeeded, Undone, Unknown
from tests.examples.asking import new_charge, once, paid, takings, until
from tests.examples.conftest import CheckingCaller, NewGateway, Program
from tests.gateways.conftest import charge_of, request_of, sent_of
from tests.tallies import count

# The provider is silent for a minute, so that the kill always comes in the middle.
SILENT = ("--provider-timeout", "60", "--pending-seconds", "60")


async def test_kill_in_mid_charge_neither_forgets_nor_repeats(
    program: Program, gateway_to: NewGateway, caller: CheckingCaller
) -> None:
    journal = program.log.with_name("journal")
    host = program.start(journal, *SILENT)
    gateway = gateway_to(host, "")
    before, after = new_charge("pm_timeout_not_charged"), new_charge("pm_timeout_charged")
    done, burnt, given_back = new_charge(), new_charge(), new_charge()
    for charge in (done, given_back):
        assert await gateway.charge(request_of(gateway, charge)) == paid(charge)
    assert await gateway.cancel(sent_of(burnt)) == Undone()
    assert await gateway.refund(sent_of(given_back)) == Undone()
    requests = [request_of(gateway, one) for one in (before, after)]
    calls = [asyncio.create_task(gateway.charge(request)) for request in requests]

    provider = journal.with_name(f"{journal.name}.provider")

    async def both_were_asked() -> bool:
        return all(one.attempt_key in provider.read_text() for one in (before, after))

    await until(both_were_asked, wanted=True)
    # Killed once before the provider took the money, and once after it, before the answer.
    assert await takings(host, caller, before) == []
    assert await takings(host, caller, after) == once(after)
    host.kill()
    for end in await asyncio.gather(*calls):
        assert isinstance(end, Unknown)
    count("kills of example hosts in mid-charge", 2)

    host = program.start(journal, *SILENT)
    again = gateway_to(host, "")

    for charge in (before, after):
        first = await again.lookup(sent_of(charge))
        repeated = await again.charge(request_of(again, charge))
        assert isinstance(first, Pending | Succeeded)
        assert isinstance(repeated, Pending | Succeeded)
        await until(partial(again.lookup, sent_of(charge)), paid(charge))
    assert await again.charge(request_of(again, done)) == paid(done)
    assert isinstance(await again.charge(request_of(again, burnt)), Declined)
    assert await again.refund(sent_of(given_back)) == Undone()
    for charge in (before, after, done):
        assert await takings(host, caller, charge) == once(charge)
    assert await takings(host, caller, burnt) == []
    assert await takings(host, caller, given_back) == once(given_back, refunds=1)


@pytest.mark.skipif(
    sys.platform != "linux",
    reason="prlimit, which takes disk space from a running process, is Linux only",
)
async def test_charge_that_cannot_be_written_down_is_not_made(
    program: Program, gateway_to: NewGateway, caller: CheckingCaller
) -> None:
    journal = program.log.with_name("journal")
    host = program.start(journal)
    gateway = gateway_to(host, "")
    await gateway.charge(request_of(gateway, new_charge()))
    # As a full disk: half a line fits. The provider's own books are shorter and still grow.
    most = journal.stat().st_size + 100
    resource.prlimit(host.process.pid, resource.RLIMIT_FSIZE, (most, most))
    charge = new_charge()

    assert isinstance(await gateway.charge(request_of(gateway, charge)), Unknown)
    assert host.process.wait(timeout=20) != 0

    host = program.start(journal)
    gateway = gateway_to(host, "")
    assert await takings(host, caller, charge) == []
    assert await gateway.lookup(sent_of(charge)) == NotFound(conclusive=True)
    assert await gateway.charge(request_of(gateway, charge)) == paid(charge)


async def test_line_cut_off_by_the_kill_is_dropped_and_the_journal_goes_on(
    program: Program, gateway_to: NewGateway
) -> None:
    journal = program.log.with_name("journal")
    host = program.start(journal)
    charge = charge_of("pm_ok", workflow='用量 "März" \\ \u2028 🧾')
    await gateway_to(host, "").charge(request_of(gateway_to(host, ""), charge))
    host.kill()
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"at":"2026-11-22T12:00:00Z","key":"abc","sta')

    again = gateway_to(program.start(journal), "")

    assert await again.charge(request_of(again, charge)) == paid(charge)
    assert journal.read_bytes().startswith(whole)
    assert b'"key":"abc"' not in journal.read_bytes()
    later = new_charge()
    assert await again.charge(request_of(again, later)) == paid(later)
    for line in journal.read_bytes().splitlines():
        assert isinstance(json.loads(line), dict)


def test_damaged_journal_is_never_read_around(program: Program) -> None:
    journal = program.log.with_name("journal")
    journal.write_bytes(b'{"key":"abc","state":"succeeded"\n{"key":"abd","state":"cancelled"}\n')

    process = program.run(journal)
    said, _ = process.communicate(timeout=20)

    assert process.returncode not in (0, None)
    assert said == ""
    assert "damaged at byte 0" in program.log.read_text()


async def test_second_process_on_one_journal_cannot_charge_again(
    program: Program, gateway_to: NewGateway, caller: CheckingCaller
) -> None:
    journal = program.log.with_name("journal")
    first = program.start(journal)
    charge = new_charge()
    await gateway_to(first, "").charge(request_of(gateway_to(first, ""), charge))
    process = program.run(journal)
    assert process.stdout is not None

    # Either the second does not start, or the first gives up at its next write.
    if line := process.stdout.readline():
        end = await gateway_to(first, "").lookup(sent_of(new_charge()))
        assert isinstance(end, Unknown)
        assert first.process.wait(timeout=20) == 1
        process.kill()
    process.communicate(timeout=20)

    assert "another process" in program.log.read_text()
    assert line or await gateway_to(first, "").lookup(sent_of(charge)) == paid(charge)
