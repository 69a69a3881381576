"""The books outlive `kill -9`, and several processes keep them together."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from external_gate.domain.money import Money
from external_gate.domain.outcome import NotFound, Succeeded, Unknown
from external_gate.gateways.gateway import Surroundings
from external_gate.gateways.sandbox import SandboxGateway, SandboxSettings, charges_by_workflow
from external_gate.gateways.sandbox.sandbox_books import Books, Order, Patience
from tests.gateways.conftest import (
    HandClock,
    ScriptedCaller,
    charge_of,
    request_of,
    sent_of,
)

PATIENCE = Patience(lookups=2, time=timedelta(seconds=60))

# A service that is killed in the middle of a charge: at its Nth sleep, of which a charge has two,
# before and after it is booked.
KILLED_SERVICE = """
import asyncio, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from tests.gateways.conftest import HandClock, ScriptedCaller, charge_of, request_of
from external_gate.gateways.gateway import Surroundings
from external_gate.gateways.sandbox import SandboxGateway, SandboxSettings

class Deadly(HandClock):
    left = int(sys.argv[2])
    async def sleep(self, duration):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

settings = SandboxSettings(books=Path(sys.argv[1]))
sandbox = SandboxGateway(settings, Surroundings("box", ScriptedCaller(), Deadly()))
asyncio.run(sandbox.charge(request_of(sandbox, charge_of("pm_ok"))))
"""

# Charges the same keys as everybody else.
RIVAL = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.gateways.conftest import HandClock, ScriptedCaller, charge_of, request_of
from external_gate.gateways.gateway import Surroundings
from external_gate.gateways.sandbox import SandboxGateway, SandboxSettings

settings = SandboxSettings(books=Path(sys.argv[1]))
sandbox = SandboxGateway(settings, Surroundings("box", ScriptedCaller(), HandClock()))
async def main():
    charges = [charge_of("pm_ok", workflow=f"wf-{n}") for n in range(10)]
    found = await asyncio.gather(*(sandbox.charge(request_of(sandbox, c)) for c in charges))
    print(sorted(answer.charge_id for answer in found))
asyncio.run(main())
"""


def run(program: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    command.append(str(Path(__file__).parents[2]))
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def open_sandbox(books: Path, *, timeout_seconds: float = 5) -> SandboxGateway:
    settings = SandboxSettings(books=books, timeout_seconds=timeout_seconds)
    return SandboxGateway(settings, Surroundings("box", ScriptedCaller(), HandClock()))


@pytest.mark.parametrize(("sleep", "charged"), [(1, 0), (2, 1)], ids=["before", "after"])
async def test_killed_service_finds_its_charge_again(
    tmp_path: Path, sleep: int, charged: int
) -> None:
    books = tmp_path / "books.db"
    with run(KILLED_SERVICE, str(books), str(sleep)) as service:
        service.communicate(timeout=30)
    assert service.returncode == -signal.SIGKILL
    charge = charge_of("pm_ok")
    sandbox = open_sandbox(books)

    found = await sandbox.lookup(sent_of(charge))
    repeated = await sandbox.charge(request_of(sandbox, charge))

    assert isinstance(found, Succeeded if charged else NotFound)
    assert isinstance(repeated, Succeeded)
    assert charges_by_workflow(books) == {"wf-1": {charge.attempt_key: 1}}


def test_processes_that_race_for_the_same_keys_charge_once(tmp_path: Path) -> None:
    books = tmp_path / "books.db"

    rivals = [run(RIVAL, str(books)) for _ in range(3)]
    printed = [rival.communicate(timeout=30)[0] for rival in rivals]

    assert [rival.returncode for rival in rivals] == [0, 0, 0]
    assert len(set(printed)) == 1
    counts = charges_by_workflow(books)
    assert len(counts) == 10
    assert all(list(keys.values()) == [1] for keys in counts.values())


async def test_cancelled_call_is_booked_wholly_or_not_at_all(tmp_path: Path) -> None:
    books = tmp_path / "books.db"
    sandbox = open_sandbox(books)
    charges = [charge_of("pm_ok", workflow=f"wf-{number}") for number in range(8)]

    calls = [asyncio.create_task(sandbox.charge(request_of(sandbox, c))) for c in charges]
    for _ in range(4):
        await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    again = [await sandbox.charge(request_of(sandbox, charge)) for charge in charges]

    assert all(isinstance(answer, Succeeded) for answer in again)
    assert [list(keys.values()) for keys in charges_by_workflow(books).values()] == [[1]] * 8


async def test_locked_books_end_the_call_in_time_and_charge_at_most_once(tmp_path: Path) -> None:
    books = tmp_path / "books.db"
    sandbox = open_sandbox(books, timeout_seconds=0.2)
    charge = charge_of("pm_ok")
    with closing(sqlite3.connect(books, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        locked = await sandbox.charge(request_of(sandbox, charge))

    assert locked == Unknown("the sandbox's books were not free in time")
    # What was begun may still be booked now; it is the same charge.
    patient = open_sandbox(books)
    assert isinstance(await patient.charge(request_of(patient, charge)), Succeeded)
    assert isinstance(await patient.lookup(sent_of(charge)), Succeeded)
    assert charges_by_workflow(books) == {"wf-1": {charge.attempt_key: 1}}


def test_second_capture_would_show(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    order = Order("key", "wf-1", "pm_ok", Money(1500, "USD"), "digest")
    Books(path, PATIENCE).charge(order, now=HandClock().now())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO captures (attempt_key, captured_at) VALUES ('key', 0)")

    assert charges_by_workflow(path) == {"wf-1": {"key": 2}}


def test_books_that_are_not_there_yet_are_empty(tmp_path: Path) -> None:
    assert charges_by_workflow(tmp_path / "none.db") == {}
    assert not (tmp_path / "none.db").exists()

    (tmp_path / "none.db").touch()
    assert charges_by_workflow(tmp_path / "none.db") == {}
