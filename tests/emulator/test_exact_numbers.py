"""JSON keeps its digits, time runs as told, rate cards choose the currency."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.emulator import EmulatorSettings
from external_gate.emulator.books import Books
from external_gate.emulator.decimal_json import parse_json, render_json
from external_gate.emulator.denomination import RateCards
from external_gate.emulator.emulated_time import EmulatedTime, rfc3339
from tests.emulator.conftest import new_outbox


@given(st.decimals(-(10**15), 10**15, places=6))
def test_every_decimal_survives_the_wire(number: Decimal) -> None:
    assert Decimal(str(parse_json(render_json(number)))) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [("1500.00", b"1500"), ("0.10", b"0.1"), ("1E+3", b"1000"), ("1E-7", b"0.0000001")],
)
def test_numbers_are_written_plainly(number: str, text: bytes) -> None:
    assert render_json(Decimal(number)) == text


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda part: st.lists(part) | st.dictionaries(st.text(), part),
    )
)
def test_written_json_reads_the_same_for_others(value: object) -> None:
    assert json.loads(render_json(value)) == value


@pytest.mark.parametrize("raw", [b"{", b"NaN", b"[Infinity]", b"\xff", b"[" * 100_000, b"1e999999"])
def test_bytes_that_are_no_json_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_json(raw)


def test_emulated_time_runs_at_its_speed_and_jumps() -> None:
    wall = [datetime(2026, 1, 1, tzinfo=UTC)]
    time = EmulatedTime(speed=60, wall=lambda: wall[0])

    wall[0] += timedelta(seconds=2)
    assert time.now() == datetime(2026, 1, 1, 0, 2, tzinfo=UTC)
    time.advance(timedelta(hours=1))

    assert time.now() == datetime(2026, 1, 1, 1, 2, tzinfo=UTC)
    assert time.wall_now() == wall[0]
    assert time.wall_seconds_until(datetime(2026, 1, 1, 1, 3, tzinfo=UTC)) == 1
    assert time.wall_seconds_until(datetime(2025, 1, 1, tzinfo=UTC)) == 0
    assert rfc3339(time.now()) == "2026-01-01T01:02:00.000Z"


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("eur", None), "EUR"),
        (("a7bc3775-b651-46b6-b7e4-d225a7e55c4c", "GBP_yearly"), "GBP"),
        (("cadb3775-b651-46b6-b7e4-d225a7e55c4c", None), "USD"),
        (("european-standard", None), "USD"),
        (("xyz-standard", None), "USD"),
        ((None, None), "USD"),
        (("eur-assigned", None), "CHF"),
    ],
)
def test_currency_comes_from_the_rate_card(names: tuple[str | None, ...], code: str) -> None:
    assert RateCards({"eur-assigned": "CHF"}).currency_of(*names).code == code


def test_seeded_ids_repeat_and_others_do_not() -> None:
    def first_id(seed: int | None) -> str:
        outbox = new_outbox(seed)
        return Books(outbox.rng, outbox).new_id()

    assert first_id(7) == first_id(7) != first_id(8)
    assert first_id(None) != first_id(None)


@pytest.mark.parametrize("wrong", [{"speed": 0}, {"speed": -1}, {"token": ""}])
def test_settings_that_cannot_work_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"greater than zero|empty"):
        EmulatorSettings(**wrong)  # type: ignore[arg-type]  # that is the point
