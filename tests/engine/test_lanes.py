"""The arithmetic of lanes: how many places each gets, and who comes next."""

import asyncio
from datetime import timedelta
from itertools import count

import pytest

from external_gate.domain.identifiers import CustomerId, WorkflowId
from external_gate.engine.lanes import (
    ASIDE_AT_LEAST,
    LONGEST_QUEUE,
    MOST_CUSTOMERS,
    LaneFull,
    Lanes,
)

ACME = CustomerId("acme")


def fill(lanes: Lanes, gateway: str, *, customer: CustomerId | None = None) -> int:
    """Send workflows into a lane until it is full, and tell how many found room."""
    for number in count():
        try:
            lanes.enter(
                WorkflowId(f"{gateway}-{customer}-{number}"),
                gateway,
                customer or CustomerId(f"of-{gateway}-{number}"),
            )
        except LaneFull:
            return number
    raise AssertionError("never full")


def test_however_many_gateways_hang_one_more_finds_a_place() -> None:
    lanes = Lanes(64, "abcd")
    assert [fill(lanes, gateway) for gateway in "abcd"] == [48, 12, 3, 1]


def test_one_customer_gets_half_and_the_others_the_rest_of_the_lane() -> None:
    lanes = Lanes(64, "ab")
    assert fill(lanes, "a", customer=ACME) == 32
    assert fill(lanes, "a") == 16
    assert fill(lanes, "b") == 12


@pytest.mark.parametrize("places", [1, 2, 3, 4])
def test_few_places_are_never_useless(places: int) -> None:
    assert fill(Lanes(places, "a"), "a") == min(places, 3)


def test_place_is_taken_once_and_given_back_once() -> None:
    lanes = Lanes(4, "ab")
    for _ in range(3):
        lanes.enter(WorkflowId("w"), "a", ACME)
    lanes.enter(WorkflowId("w"), "b", ACME)
    lanes.leave(WorkflowId("w"))
    lanes.leave(WorkflowId("w"))
    assert fill(lanes, "a") == 3


def test_customers_take_turns_each_with_its_oldest_first() -> None:
    lanes = Lanes(4, "a")
    full = [WorkflowId(f"a-None-{number}") for number in range(3)]
    fill(lanes, "a")
    for name in ("x1", "x2", "x3", "y1"):
        with pytest.raises(LaneFull):
            lanes.enter(WorkflowId(name), "a", CustomerId(name[0]))
    assert not lanes.has_somebody_to_fetch

    fetched = []
    for inside in [*full, *full]:
        lanes.leave(inside)
        fetched += (now := lanes.fetch(1))
        for each in now:
            lanes.leave(each)

    # The one that filled the lane last was turned away as well, before all of these.
    assert fetched == ["a-None-3", "x1", "y1", "x2", "x3"]


def test_fetching_fills_the_lane_and_no_more() -> None:
    lanes = Lanes(64, "a")
    fill(lanes, "a")
    for number in range(100):
        with pytest.raises(LaneFull):
            lanes.check(WorkflowId(f"w{number}"), "a", CustomerId(f"c{number}"))
    for number in range(48):
        lanes.leave(WorkflowId(f"a-None-{number}"))

    assert len(lanes.fetch(64)) == 48
    assert lanes.fetch(64) == []


def test_who_finds_room_by_itself_is_not_fetched_as_well() -> None:
    lanes = Lanes(4, "a")
    fill(lanes, "a")  # the fourth stands aside
    lanes.leave(WorkflowId("a-None-0"))
    lanes.enter(WorkflowId("a-None-3"), "a", CustomerId("of-a-3"))
    lanes.leave(WorkflowId("a-None-1"))
    assert lanes.fetch(4) == []


async def test_prepared_charge_waits_a_moment_for_room() -> None:
    lanes = Lanes(4, "a", patience=timedelta(seconds=5))
    fill(lanes, "a")
    waiting = [
        asyncio.create_task(lanes.enter_soon(WorkflowId(name), "a", CustomerId(name)))
        for name in ("first", "second")
    ]
    await asyncio.sleep(0)
    lanes.leave(WorkflowId("a-None-0"))
    await asyncio.wait_for(waiting[0], timeout=1)
    assert not waiting[1].done()
    lanes.leave(WorkflowId("first"))
    await asyncio.wait_for(waiting[1], timeout=1)


async def test_prepared_charge_does_not_wait_for_a_gateway_that_hangs() -> None:
    lanes = Lanes(4, "a", patience=timedelta(milliseconds=1))
    fill(lanes, "a")
    with pytest.raises(LaneFull):
        await lanes.enter_soon(WorkflowId("late"), "a", ACME)
    lanes.leave(WorkflowId("a-None-0"))
    lanes.fetch(1)  # the one that stood aside before
    lanes.leave(WorkflowId("a-None-1"))
    assert lanes.fetch(1) == ["late"]


def test_gateway_of_a_customer_is_guessed_from_the_last_time() -> None:
    lanes = Lanes(4, "ab")
    assert lanes.guess(ACME) == ""
    lanes.enter(WorkflowId("w"), "b", ACME)
    assert lanes.guess(ACME) == "b"
    assert Lanes(4, "a").guess(ACME) == "a"


def test_memory_of_a_crowd_is_bounded() -> None:
    lanes = Lanes(4, "ab")
    for number in range(LONGEST_QUEUE + MOST_CUSTOMERS + 10):
        try:
            lanes.enter(WorkflowId(f"w{number}"), "a", CustomerId(f"c{number}"))
        except LaneFull:
            continue
    lanes.enter(WorkflowId("w"), "b", ACME)

    assert lanes.guess(CustomerId("c9")) == ""
    assert lanes.aside_for("a") == ASIDE_AT_LEAST + timedelta(seconds=LONGEST_QUEUE / 50)
    assert lanes.aside_for("b") == ASIDE_AT_LEAST
