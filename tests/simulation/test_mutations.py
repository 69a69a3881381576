"""The simulation bites: every deliberate fault of the engine breaks a promise in some seed."""

import os
from pathlib import Path

import pytest

from tests.simulation.mutant import Mutant, Replacement, Rotten, known_mutants, plant
from tests.simulation.mutations import repeat, try_sound
from tests.tallies import count

OTHER_SEEDS = "--quick --record --limit 5000"
"""How other seeds are found and written down when worlds are drawn anew."""

NAMED = 15
"""How many faults there must be at least."""


def test_every_deliberate_fault_is_caught_and_the_sound_package_breaks_nothing() -> None:
    trials = repeat(processes=os.cpu_count() or 1)
    sound = try_sound(trials)
    caught = [trial for trial in trials if trial.seed is not None]
    count("mutation check: deliberate faults", len(trials))
    count("mutation check: faults caught", len(caught))

    survivors = [trial.mutant.name for trial in trials if trial.seed is None]
    assert not survivors, f"{survivors}: python -m tests.simulation.mutations {OTHER_SEEDS}"
    assert all(trial.promise in trial.mutant.promises for trial in caught)
    assert len(caught) >= NAMED
    assert (sound.seed, sound.otherwise, sound.sentence) == (None, 0, "")


def test_faults_are_told_apart() -> None:
    mutants = known_mutants()

    assert len({mutant.fault for mutant in mutants}) == len(mutants)
    assert len({mutant.replacements for mutant in mutants}) == len(mutants)


@pytest.mark.parametrize("before", ["return", "nothing of ours says this"])
def test_a_fault_that_no_longer_fits_the_code_is_loud(before: str, tmp_path: Path) -> None:
    replacement = Replacement("engine/weighing.py", before, "pass")
    mutant = Mutant("rotten", "a fault", ("P2",), (), (), (replacement,))

    with pytest.raises(Rotten, match=r"rotten: found \d+ times in engine/weighing\.py"):
        plant(mutant, tmp_path)
