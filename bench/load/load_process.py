"""The load generator as the run sees it: a process that is given orders."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from bench.cores import outside_cores, pin
from bench.faults import Fault, WrongAnswer
from bench.load.orders import Order, Tally
from bench.samples import Sample


@dataclass(frozen=True, slots=True)
class Sent:
    """What one order sent, so that it can be looked for in the database."""

    batch: int
    count: int
    unacknowledged: frozenset[int]


@dataclass(slots=True)
class LoadProcess:
    """Gives orders, and remembers per port what was sent."""

    process: subprocess.Popen[str]
    sent: dict[int, list[Sent]] = field(default_factory=dict)
    batches: Iterator[int] = field(default_factory=itertools.count)

    def closed(self, port: int, *, connections: int, seconds: float) -> Sample:
        """Load a server as fast as it answers. Raises `WrongAnswer` for anything but 200."""
        order = Order(
            kind="closed",
            port=port,
            batch=next(self.batches),
            connections=connections,
            seconds=seconds,
        )
        return _sample(demand_only_200(self.carry_out(order)[0]))

    def carry_out(self, order: Order) -> list[Tally]:
        """Have any order carried out; what it came to is judged by the caller."""
        if self.process.stdin is None or self.process.stdout is None:
            raise Fault("the load generator has no pipes")
        self.process.stdin.write(json.dumps(asdict(order)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise Fault("the load generator has ended; its reason stands above")
        tallies = [Tally(**told) for told in json.loads(answer)]
        self._remember(order, tallies)
        return tallies

    def _remember(self, order: Order, tallies: list[Tally]) -> None:
        count = sum(tally.sent for tally in tallies)
        lost = frozenset(number for tally in tallies for number in tally.unacknowledged)
        self.sent.setdefault(order.port, []).append(Sent(order.batch, count, lost))


def demand_only_200(tally: Tally) -> Tally:
    """Give the tally back. Raises `WrongAnswer` when anything was not answered 200."""
    if set(tally.statuses) != {"200"} or tally.lost:
        raise WrongAnswer(f"statuses {tally.statuses}, {tally.lost} connections lost")
    return tally


def _sample(tally: Tally) -> Sample:
    if not tally.latencies_us:
        raise WrongAnswer("not one answer came while it was counted; take more --seconds")
    return Sample(len(tally.latencies_us), tally.seconds, tally.latencies_us)


@contextmanager
def load_process() -> Iterator[LoadProcess]:
    """Start the load generator on its core, and end it."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.load.generator"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        pin(process.pid, outside_cores())
        try:
            yield LoadProcess(process)
        finally:
            process.kill()
