"""What a run of `make fuzz` reports, and that it ends badly when a contract was broken."""

from pathlib import Path

import pytest

from tests.hostile_input import fuzz

TOLD = (
    "#2\tINITED cov: 80 ft: 90 corp: 3/1012b exec/s: 0 rss: 80Mb\n",
    "INFO: -max_total_time=60: something else\n",
    "#43624\tDONE   cov: 109 ft: 222 corp: 61/19Kb lim: 4096 exec/s: 3965 rss: 95Mb\n",
)


def read(*lines: str) -> fuzz.Run:
    run = fuzz.Run("envelope")
    for line in lines:
        fuzz._read_line(run, line)
    return run


def test_the_last_line_of_progress_counts() -> None:
    run = read(*TOLD)

    assert (run.executions, run.covered, run.features, run.corpus) == (43_624, 109, 222, 61)
    assert fuzz.report([run]) == 0


def test_a_broken_contract_is_named_with_the_command_that_shows_it_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = read(*TOLD, "artifact_prefix='x/'; Test unit written to build/fuzz/envelope/crash-1\n")

    assert fuzz.report([broken]) == 1
    command = "tests.hostile_input.fuzz envelope --replay build/fuzz/envelope/crash-1"
    assert command in capsys.readouterr().out


def test_a_run_that_ends_without_an_input_is_no_success() -> None:
    assert fuzz.report([fuzz.Run("envelope", ended_badly=True)]) == 1


def test_an_input_is_replayed_without_atheris(tmp_path: Path) -> None:
    good = tmp_path / "input"
    good.write_bytes(b"not json at all")

    assert fuzz.main(["envelope", "--replay", str(good)]) == 0
