"""What goes wrong, with whom, when and for how long: drawn from one seed, before anything runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

WORKERS = ("worker-1", "worker-2", "worker-3", "worker-4")
RECEIVERS = ("receiver-1", "receiver-2")
DATABASE = "database"
METRONOME = "metronome"
GATEWAY = "gateway"


class Trouble(StrEnum):
    """What goes wrong."""

    RESTARTED = "database killed and started at once"
    DOWN = "database killed, and started after a while"
    KILLED = "process killed"
    FROZEN = "worker stopped past its lease, and continued"
    CABLE_BROKEN = "cable cut: connections end"
    CABLE_SILENT = "cable cut: nothing arrives, nobody is told"
    CABLE_DEAF = "cable cut: answers are lost"
    MISBEHAVES = "Metronome or gateway misbehaves"


LASTING = frozenset(Trouble) - {Trouble.RESTARTED, Trouble.MISBEHAVES}
"""What has an end that somebody must bring about."""


@dataclass(frozen=True, order=True)
class Strike:
    """One trouble."""

    at_seconds: float
    target: str
    trouble: Trouble
    lasts_seconds: float = 0.0
    draw: int = 0
    """A number to choose by, where there is more to choose."""


@dataclass
class Forecast:
    """Draws the troubles of one campaign; everything depends on the seed and the length alone."""

    seed: int
    seconds: float
    lease_seconds: float

    def strikes(self) -> Sequence[Strike]:
        """Give everything that happens, in order; all of it is over at the end."""
        drawn = [
            *self._of_the_database(),
            *self._of_processes("workers", WORKERS, every=(1.5, 3.5)),
            *self._of_processes("receivers", RECEIVERS, every=(6.0, 12.0)),
            *self._of_cables(),
            *self._of_others(),
        ]
        return sorted(strike for strike in drawn if self._is_in_time(strike))

    def _is_in_time(self, strike: Strike) -> bool:
        return strike.at_seconds + strike.lasts_seconds <= self.seconds

    def _random(self, stream: str) -> Random:
        """Give a source of its own to each stream, so that a change of one leaves the others."""
        return Random(f"{self.seed} {stream}")  # noqa: S311 - a schedule, not a secret

    def _moments(self, random: Random, every: tuple[float, float]) -> Iterator[float]:
        at = random.uniform(*every) / 2
        while at < self.seconds:
            yield at
            at += random.uniform(*every)

    def _of_the_database(self) -> Iterator[Strike]:
        random = self._random("database")
        for at in self._moments(random, (2.5, 5.0)):
            if random.random() < 0.7:
                yield Strike(at, DATABASE, Trouble.RESTARTED)
            else:
                yield Strike(at, DATABASE, Trouble.DOWN, random.uniform(0.5, 2.0))

    def _of_processes(
        self, stream: str, names: Sequence[str], *, every: tuple[float, float]
    ) -> Iterator[Strike]:
        random = self._random(stream)
        free_at = dict.fromkeys(names, 0.0)
        for at in self._moments(random, every):
            name, kills = random.choice(names), random.random() < 0.6
            past_the_lease = self.lease_seconds + random.uniform(0.5, 2.0)
            lasts = random.uniform(0.1, 1.0) if kills or names is RECEIVERS else past_the_lease
            if at < free_at[name]:
                continue
            free_at[name] = at + lasts
            what = Trouble.KILLED if kills or names is RECEIVERS else Trouble.FROZEN
            yield Strike(at, name, what, lasts)

    def _of_cables(self) -> Iterator[Strike]:
        random = self._random("cables")
        free_at = dict.fromkeys((*WORKERS, *RECEIVERS), 0.0)
        cuts = (Trouble.CABLE_BROKEN, Trouble.CABLE_SILENT, Trouble.CABLE_DEAF)
        for at in self._moments(random, (1.0, 3.0)):
            name, what = random.choice(list(free_at)), random.choice(cuts)
            lasts = random.uniform(0.2, self.lease_seconds + 1.0)
            if at < free_at[name]:
                continue
            free_at[name] = at + lasts
            yield Strike(at, name, what, lasts)

    def _of_others(self) -> Iterator[Strike]:
        random = self._random("others")
        for at in self._moments(random, (0.5, 1.5)):
            whose = random.choice((METRONOME, METRONOME, GATEWAY))
            yield Strike(at, whose, Trouble.MISBEHAVES, draw=random.randrange(1_000_000))
