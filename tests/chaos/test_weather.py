"""Which troubles come, and when."""

import pytest

from tests.chaos.fleet import LEASE_SECONDS
from tests.chaos.test_campaign import SHORT
from tests.chaos.weather import LASTING, RECEIVERS, WORKERS, Forecast, Strike, Trouble


def _strikes(seed: int, seconds: float) -> list[Strike]:
    return list(Forecast(seed, seconds, LEASE_SECONDS).strikes())


def test_seed_repeats_its_troubles() -> None:
    assert _strikes(7, 60) == _strikes(7, 60)
    assert _strikes(7, 60) != _strikes(8, 60)


@pytest.mark.parametrize("seed", range(20))
def test_everything_strikes_everybody_and_is_over_in_time(seed: int) -> None:
    strikes = _strikes(seed, 300)

    assert strikes == sorted(strikes)
    assert max(strike.at_seconds + strike.lasts_seconds for strike in strikes) <= 300
    assert {strike.trouble for strike in strikes} == set(Trouble)
    for trouble in (Trouble.KILLED, Trouble.FROZEN, Trouble.CABLE_SILENT):
        struck = {strike.target for strike in strikes if strike.trouble is trouble}
        assert struck >= set(WORKERS)
    assert {s.target for s in strikes if s.trouble is Trouble.KILLED} == {*WORKERS, *RECEIVERS}


@pytest.mark.parametrize("seed", range(20))
def test_nobody_is_killed_and_frozen_at_once(seed: int) -> None:
    free_at = dict.fromkeys(WORKERS, 0.0)
    for strike in _strikes(seed, 300):
        if strike.trouble in {Trouble.KILLED, Trouble.FROZEN} and strike.target in free_at:
            assert strike.at_seconds >= free_at[strike.target]
            free_at[strike.target] = strike.at_seconds + strike.lasts_seconds


def test_worker_is_frozen_for_longer_than_its_lease() -> None:
    frozen = [s.lasts_seconds for s in _strikes(1, 300) if s.trouble is Trouble.FROZEN]

    assert min(frozen) > LEASE_SECONDS


def test_short_form_has_every_trouble() -> None:
    strikes = _strikes(SHORT.seed, SHORT.storm_seconds)

    assert {strike.trouble for strike in strikes} == set(Trouble)
    assert all(strike.lasts_seconds > 0 for strike in strikes if strike.trouble in LASTING)
