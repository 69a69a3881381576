import asyncio
from datetime import timedelta

import pytest

from external_gate.outbound.places import NoFreePlace, Places

AT_ONCE = timedelta(0)
SOON = timedelta(seconds=1)


async def test_place_is_given_back_after_an_error() -> None:
    places = Places(1)
    with pytest.raises(ValueError, match="mine"):
        async with places.one(SOON):
            raise ValueError("mine")

    async with places.one(SOON):
        with pytest.raises(NoFreePlace):
            async with places.one(AT_ONCE):
                pass


async def test_first_come_first_served() -> None:
    places, order = Places(1), []

    async def take(number: int) -> None:
        async with places.one(SOON):
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(take(number) for number in range(5)))
    assert order == [0, 1, 2, 3, 4]


async def test_closing_waits_and_turns_away_those_who_queue() -> None:
    places = Places(1)
    async with places.one(SOON):
        queueing = asyncio.create_task(enter(places))
        await asyncio.sleep(0)
        closing = asyncio.create_task(places.aclose())
        await asyncio.sleep(0)
        assert not closing.done()
    await closing

    with pytest.raises(NoFreePlace, match="closed"):
        await queueing
    with pytest.raises(NoFreePlace, match="closed"):
        await enter(places)


async def test_closing_twice_is_closing_once() -> None:
    places = Places(3)
    await asyncio.gather(places.aclose(), places.aclose())
    await places.aclose()


async def enter(places: Places) -> None:
    async with places.one(SOON):
        pass
