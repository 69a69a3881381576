"""How long a run takes: rounds, slices and seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The size of a run.

    A round gives each contender `seconds`, cut into `slices` that alternate with those of the
    others, so that a drift of the machine meets all of them.
    """

    quick: bool
    rounds: int
    seconds: float
    """Per contender and round."""
    slices: int
    warm_up_seconds: float
    """Once per contender and comparison; not counted."""
    seed: int
    """Of the orders in which contenders take their turns."""
    connections: tuple[int, ...]
    """Over how many row 1 loads, one after another."""
    lasting_seconds: float
    """Of load before rows 8 and 9 measure capacity: by then the inbox has taken in all that it may,
    and capacity is what lasts, recording included."""
    overload_seconds: float
    """How long row 9 offers too much."""
    overloads: int
    """How often it does."""
    in_flight: int
    """Charges in flight at once, for row 8."""
    workflows: int
    """Whole workflows between the two looks at the memory, for row 10."""
    history: int
    """Finished workflows of a long history, for row 7; fewer where the disk is smaller."""
    finished: int
    """Finished workflows whose bytes are counted, for row 11."""

    @property
    def slice_seconds(self) -> float:
        """How long one turn is."""
        return self.seconds / self.slices


def full_plan(*, seed: int) -> Plan:
    """Give the plan whose report is kept."""
    return Plan(
        quick=False,
        rounds=5,
        seconds=6.0,
        slices=4,
        warm_up_seconds=2.0,
        seed=seed,
        connections=(32, 64, 256),
        lasting_seconds=10.0,
        overload_seconds=60.0,
        overloads=5,
        in_flight=2_000,
        workflows=100_000,
        history=10_000_000,
        finished=5_000,
    )


def quick_plan(*, seed: int) -> Plan:
    """Give the plan for every change: it finds what is broken, and resolves only large effects."""
    return Plan(
        quick=True,
        rounds=3,
        seconds=0.25,
        slices=2,
        warm_up_seconds=0.1,
        seed=seed,
        connections=(64,),
        lasting_seconds=1.0,
        overload_seconds=2.0,
        overloads=1,
        in_flight=200,
        workflows=1_000,
        history=5_000,
        finished=500,
    )
