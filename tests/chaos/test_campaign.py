"""The short form of the campaign; `make campaign` runs the long one."""

from pathlib import Path

import pytest

from tests.chaos.campaign import run_campaign
from tests.chaos.report import Plan
from tests.chaos.weather import Trouble
from tests.crashes.judgement import Harm
from tests.tallies import count
from tests.throwaway_postgres import URL_VARIABLE, Cluster

SHORT = Plan(workflows=200, per_second=20.0, seed=389)


@pytest.mark.slow
def test_nothing_is_lost_or_charged_twice_while_everything_fails(
    postgres: Cluster, tmp_path: Path
) -> None:
    if postgres.folder is None:
        pytest.skip(f"{URL_VARIABLE} names a server that is not ours to kill")

    outcome = run_campaign(SHORT, postgres, tmp_path)

    found = outcome.verdict
    assert found.complaints == []
    assert found.ends.total() == found.workflows == SHORT.workflows
    assert outcome.struck.keys() == set(Trouble)
    assert found.unresolved  # somebody took over from one who died in the middle of a charge
    count("workflows through the chaos of real processes", found.workflows)
    count("troubles in it", outcome.struck.total())
    for harm in Harm:
        count(f"{harm} in it", found.harms[harm])
