"""The same sweep on PostgreSQL, where other code begins and commits: a part of its points.

`python -m tests.crashes.sweep --postgres` sweeps them all there.
"""

import pytest

from tests.crashes.conftest import complaint_about
from tests.crashes.judgement import Harm
from tests.crashes.points import EDGES, Target, targets_on_postgres
from tests.crashes.scenarios import LIE
from tests.crashes.sweep import Sweep


def test_every_step_of_the_store_and_every_lost_answer_is_swept() -> None:
    swept = {t.point.what for t in targets_on_postgres() if t.point is not None}

    assert swept >= {
        "record",
        "record_from_inbox",
        "record_notices",
        "claim",
        "acquire",
        "renew",
        "want_hold",
        *EDGES,
    }


@pytest.mark.slow
@pytest.mark.parametrize("target", targets_on_postgres(), ids=str)
def test_killed_at_a_step_or_in_mid_call_on_postgres(sweep: Sweep, target: Target) -> None:
    assert complaint_about(sweep, target) == ""


@pytest.mark.slow
@pytest.mark.parametrize("target", [Target(LIE, on_postgres=True)], ids=str)
def test_a_host_that_breaks_its_word_is_found_out_on_postgres(sweep: Sweep, target: Target) -> None:
    assert [harm for harm, _ in sweep.report(target).found] == [Harm.SECOND_CHARGE]
