"""Row 10: how soon it is there, and how much memory it takes."""

import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from bench.cores import pin, server_cores
from bench.faults import WrongAnswer
from bench.load.load_process import demand_only_200
from bench.load.notifications import Notifications
from bench.load.orders import Order
from bench.outcome import Outcome, Row
from bench.servers.baseline import baseline_command
from bench.servers.process import Server, clean_environment, free_port
from bench.servers.product import Setup, running_product, sqlite_url, write_config
from bench.servers.stub import running_stub
from bench.verdicts import Finding, at_most
from bench.workshop import Workshop

PATIENCE_SECONDS = 30.0
SETTLED_SECONDS = 0.3
"""After the first answer, before memory is read."""

TENTHS = 10
GROWTH = 1.1
"""More than the allocator's own wavering is growth."""

GATE, BARE, AGAIN = "external-gate", "bare Starlette", "bare Starlette, once more"


@dataclass
class Starts:
    """What the starts of one contender took."""

    seconds: list[float] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)


def measure(workshop: Workshop, outcome: Outcome) -> None:
    """Start everybody in every round, then have many whole workflows done."""
    starts = _start_all(workshop)
    gate, bare, again = starts[GATE], starts[BARE], starts[AGAIN]
    time_same = _each(again.seconds, bare.seconds)
    memory_same = _each(again.resident_mb, bare.resident_mb)
    add = outcome.findings.append
    add(_absolute("start to first 200", "s", gate.seconds, 0.8, time_same))
    add(_ratio("start to first 200", gate.seconds, bare.seconds, time_same))
    add(_absolute("resident memory, idle", "MB", gate.resident_mb, 80.0, memory_same))
    add(_ratio("resident memory, idle", gate.resident_mb, bare.resident_mb, memory_same))
    with _working(workshop) as (server, store):
        resident = [_do_tenth(workshop, server, store) for _ in range(TENTHS)]
    count = workshop.plan.workflows
    add(
        Finding(
            measured=f"resident memory after {count:,} workflows",
            against=f"after {count // TENTHS:,}",
            unit="×",
            rounds=(resident[-1] / resident[0],),
            target=at_most(GROWTH),
        )
    )
    shown = ", ".join(f"{megabytes:.1f}" for megabytes in resident)
    outcome.facts.append(f"Resident after each tenth of the workflows, in MB: {shown}.")


def _start_all(workshop: Workshop) -> dict[str, Starts]:
    starts = {name: Starts() for name in (GATE, BARE, AGAIN)}
    turns = Random(workshop.plan.seed)  # noqa: S311 - the order of turns
    for number in range(-1, workshop.plan.rounds):  # the first, not counted, warms the disk's cache
        workshop.tell(f"starts, round {number + 1} of {workshop.plan.rounds}")
        for name in turns.sample(list(starts), len(starts)):
            seconds, resident_mb = _start_one(workshop, name)
            if number >= 0:
                starts[name].seconds.append(seconds)
                starts[name].resident_mb.append(resident_mb)
    return starts


def _start_one(workshop: Workshop, name: str) -> tuple[float, float]:
    """Give the seconds until a notification is acknowledged, and the memory then."""
    port, batch = free_port(), next(workshop.load.batches)
    if name == GATE:
        store_url = sqlite_url(workshop.folder, f"start-{batch}")
        setup = Setup(store_url=store_url, receives_only=False)
        command = write_config(f"start-{batch}", workshop.folder, setup, port)
    else:
        command = baseline_command("bare", port)
    request = Notifications(batch).request(0)
    log = workshop.folder / f"start-{batch}.log"
    began = time.perf_counter()
    with log.open("wb") as written:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command, stdout=written, stderr=written, env=clean_environment()
        )
    pin(process.pid, server_cores())
    server = Server(name, port, process, log)
    try:
        while not _acknowledges(port, request):
            server.demand_alive()
            if time.perf_counter() - began > PATIENCE_SECONDS:
                raise WrongAnswer(f"{name} did not acknowledge within {PATIENCE_SECONDS:g} s")
            time.sleep(0.002)  # asked again: another process sets no event here
        seconds = time.perf_counter() - began
        time.sleep(SETTLED_SECONDS)
        return seconds, server.resident_mb()
    finally:
        process.kill()
        process.wait()


def _acknowledges(port: int, request: bytes) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as one:
        one.sendall(request)
        return one.recv(4_096).startswith(b"HTTP/1.1 200")
    return False


@contextmanager
def _working(workshop: Workshop) -> Iterator[tuple[Server, Path]]:
    """Give a service that charges, and its file; everybody outside answers at once."""
    with ExitStack() as running:
        stub = running.enter_context(running_stub(workshop.folder, "row-10-outside"))
        setup = Setup(
            store_url=sqlite_url(workshop.folder, "row-10"),
            receives_only=False,
            outside_url=stub.url,
        )
        server = running.enter_context(running_product("row-10", workshop.folder, setup))
        yield server, workshop.folder / "row-10.db"


def _do_tenth(workshop: Workshop, server: Server, store: Path) -> float:
    """Have a tenth of the workflows done from end to end; gives the memory then, in MB."""
    count = workshop.plan.workflows // TENTHS
    order = Order(
        kind="closed",
        port=server.port,
        batch=next(workshop.load.batches),
        connections=16,
        seconds=600,
        most=count,
    )
    demand_only_200(workshop.load.carry_out(order)[0])
    workshop.tell(f"waiting for {count:,} workflows")
    give_up_at = time.monotonic() + PATIENCE_SECONDS + count / 10
    while unfinished := _unfinished(store):
        server.demand_alive()
        if time.monotonic() > give_up_at:
            raise WrongAnswer(f"workflows are not finished: {unfinished}")
        time.sleep(0.25)  # asked again: another process sets no event here
    return server.resident_mb()


def _unfinished(store: Path) -> dict[str, int]:
    connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    try:
        query = """
            SELECT state, count(*) FROM workflows
            WHERE state NOT IN ('released', 'cancelled', 'refunded') GROUP BY state
        """
        return dict(connection.execute(query).fetchall())
    finally:
        connection.close()


def _each(over: list[float], under: list[float]) -> tuple[float, ...]:
    return tuple(above / below for above, below in zip(over, under, strict=True))


def _absolute(
    measured: str, unit: str, rounds: list[float], most: float, same: tuple[float, ...]
) -> Finding:
    return Finding(
        measured=measured,
        against="–",
        unit=unit,
        rounds=tuple(rounds),
        target=at_most(most),
        same=same,
    )


def _ratio(
    measured: str, rounds: list[float], bare: list[float], same: tuple[float, ...]
) -> Finding:
    return Finding(
        measured=measured,
        against=BARE,
        unit="×",
        rounds=_each(rounds, bare),
        target=None,
        same=same,
    )


FOOTPRINT = Row(
    10,
    "Start and memory",
    "From the start of the process, with a fresh database, to the first notification acknowledged; "
    "resident memory then. Bare Starlette, in the same server, is started in every round as well. "
    "Then whole workflows against a stub that answers at once: memory after all of them against "
    "memory after the first tenth.",
    measure,
)
