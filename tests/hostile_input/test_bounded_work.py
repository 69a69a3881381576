"""An input of the largest allowed size costs memory and work in proportion, in every shape."""

from collections.abc import Callable
from functools import partial

import pytest

from tests.hostile_input.all_targets import TARGETS
from tests.hostile_input.bounds import bounded_cpu, peak_of, steps_of
from tests.hostile_input.growing_bodies import GROWING_BODIES
from tests.hostile_input.target import Judge, Target
from tests.tallies import count

SMALL, LARGE = 4_096, 16_384
"""Bytes. An input four times as long may cost four times as much, and a little."""

MOST_GROWTH = 5

FREE_STEPS = 2_000
"""Calls that do not depend on the input, such as those made once in a process."""

FREE_BYTES = 1_000_000
"""Memory that does not depend on the input, such as buffers of a socket."""

Grow = Callable[[int], bytes]


def shapes(target: Target) -> dict[str, Grow]:
    """Give every growing input of a target."""
    found = dict(target.growing)
    put = target.bodies
    if put is not None:
        found |= {name: partial(_put, put, grow) for name, grow in GROWING_BODIES.items()}
    return found


def _put(put: Callable[[bytes], bytes], grow: Grow, size: int) -> bytes:
    return put(grow(size))


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if shapes(target)])
def test_cost_grows_no_faster_than_the_input(name: str) -> None:
    target = TARGETS[name]
    with target.stage() as judge:
        judge(target.seeds[0])  # what is made once is made now
        costly = [
            wrong
            for shape, grow in shapes(target).items()
            if (wrong := _costs_too_much(judge, target, shape, grow))
        ]
    assert not costly
    count("hostile input: shapes that grow", len(shapes(target)))


def _costs_too_much(judge: Judge, target: Target, shape: str, grow: Grow) -> str | None:
    small, large, largest = grow(SMALL), grow(LARGE), grow(target.largest)
    few, many = steps_of(lambda: judge(small)), steps_of(lambda: judge(large))
    if many > MOST_GROWTH * few + FREE_STEPS:
        return f"{shape}: {few} calls for {len(small)} bytes, {many} for {len(large)}"
    peak = peak_of(lambda: judge(large))
    if peak > target.memory_factor * len(large) + FREE_BYTES:
        return f"{shape}: {peak} bytes of memory for {len(large)}"
    with bounded_cpu():  # what happens within one call is not counted, but must end
        judge(largest)
    return None
