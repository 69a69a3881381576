from datetime import timedelta

import pytest

from external_gate.outbound.calls import Timeouts


@pytest.mark.parametrize(("total_seconds", "early_seconds"), [(20, 5), (5, 5), (0.5, 0.5)])
def test_one_limit_is_shared_out(total_seconds: float, early_seconds: float) -> None:
    total, early = timedelta(seconds=total_seconds), timedelta(seconds=early_seconds)
    assert Timeouts.within(total) == Timeouts(
        connect=early, read=total, write=total, pool=early, total=total
    )
