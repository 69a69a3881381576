"""Whatever bytes come from outside: no crash, no 5xx, no secret told, no false answer.

`make fuzz` looks for more with the same targets; what it finds stays in `found` and is replayed.
"""

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.hostile_input.all_targets import TARGETS
from tests.hostile_input.target import Target
from tests.hostile_input.warping import warped
from tests.tallies import count

FOUND = Path(__file__).with_name("found")

MOST_CHANGES = 4


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Give inputs of a target: mostly good ones, changed; at times bytes of no shape at all."""
    seeds = st.sampled_from(list(target.seeds))
    changed = st.builds(_changed, seeds, st.integers(0, 2**32), st.integers(1, MOST_CHANGES))
    return st.one_of(changed, changed, changed, st.binary(max_size=200))


def _changed(data: bytes, chance: int, changes: int) -> bytes:
    random = Random(chance)  # noqa: S311 # nothing secret hangs on it
    for _ in range(changes):
        data = warped(data, random)
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_the_contract(name: str) -> None:
    target = TARGETS[name]
    tried = 0
    with target.stage() as judge:

        @settings(
            max_examples=target.examples,
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(inputs(target))
        def holds(data: bytes) -> None:
            nonlocal tried
            tried += 1
            judge(data)

        holds()
    count("hostile input: targets")
    count("hostile input: examples tried", tried)


@pytest.mark.parametrize("name", TARGETS)
def test_good_inputs_and_those_once_found_keep_the_contract(name: str) -> None:
    target = TARGETS[name]
    found = [file.read_bytes() for file in sorted((FOUND / name).glob("*"))]
    with target.stage() as judge:
        for data in (*target.seeds, *found):
            judge(data)
    count("hostile input: examples tried", len(target.seeds) + len(found))
    count("hostile input: once found, replayed", len(found))


def test_every_finding_belongs_to_a_target() -> None:
    assert {folder.name for folder in FOUND.iterdir()} <= set(TARGETS)


def test_a_changed_sample_is_mostly_one_that_no_longer_fits() -> None:
    sample = TARGETS["envelope"].seeds[0]

    changed = {_changed(sample, chance, 1) for chance in range(300)}

    assert len(changed) > 150
    assert sum(data.startswith(b"{") for data in changed) > 100
