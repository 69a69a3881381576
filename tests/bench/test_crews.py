"""Crews do whole workflows, or say so; and the processor's time is charged to whoever spent it."""

import json
import time
from pathlib import Path

import pytest

from bench.faults import WrongAnswer
from bench.load.notifications import CUSTOMERS, identity
from bench.outside.pretending import Asked, answer
from bench.servers.books import kept_as_it_is
from bench.servers.crew import running_crew
from bench.servers.kept import prove_all_released
from bench.servers.product import sqlite_url
from bench.servers.stub import running_stub
from bench.working.answering import URL, AnswersAtOnce
from bench.working.processor_time import ProcessorTime, by_room
from bench.working.statements import INSIDE
from bench.working.three_calls import three_calls
from bench.working.turn import AT_ONCE
from external_gate.metronome.exact_json import write_object
from external_gate.outbound.calls import Answered, Call

MOST = 40
"""Fewer than one gateway's calls at once: in a longer queue an invoice may be read again."""
PROFILED = 1_000
"""About a second of work: a slow clock ticks 100 times in it, and passes no room over."""


@pytest.mark.slow
def test_the_service_releases_whatever_was_stored_and_the_calls_alone_are_three_each(
    tmp_path: Path,
) -> None:
    url = sqlite_url(tmp_path, "crew")
    with (
        running_stub(tmp_path, "outside") as stub,
        running_crew("gate", tmp_path, outside_url=stub.url, store_url=url) as gate,
        running_crew("bare_calls", tmp_path, outside_url=stub.url) as bare,
    ):
        done = gate.work(most=MOST)
        assert stub.counts("answered") == {"metronome": 2 * MOST, "gateway": MOST}
        alone = bare.work(seconds=0.01)
        assert stub.counts("answered")["gateway"] == MOST + alone.count

    assert done.count == MOST
    assert done.cpu_seconds > 0
    prove_all_released(url, MOST)
    with pytest.raises(WrongAnswer, match="the books say"):
        prove_all_released(url, MOST + 1)


@pytest.mark.slow
def test_two_crews_share_what_is_stored_and_a_profile_names_their_rooms(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path, "crew")
    with running_crew("gate", tmp_path, outside_url=AT_ONCE, store_url=url) as crew:
        assert crew.work(verb="store", most=PROFILED).count == PROFILED
        joined = crew.work(verb="join", profiled=True)

    assert joined.count == PROFILED
    rooms = by_room(joined.spent)
    assert {"stores", "engine"} <= {room.partition(" ")[0] for room in rooms}
    assert sum(rooms.values()) == pytest.approx(joined.cpu_seconds, rel=0.5)


@pytest.mark.slow
def test_what_sqlite_takes_is_told_apart_and_is_less_than_the_whole(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path, "crew")
    with running_crew("statements", tmp_path, outside_url=AT_ONCE, store_url=url) as crew:
        assert crew.work(verb="store", most=PROFILED).count == PROFILED
        joined = crew.work(verb="join")

    assert joined.count == PROFILED
    assert joined.cpu_seconds / 20 < joined.spent[INSIDE] < joined.cpu_seconds
    kept = kept_as_it_is(url)
    assert kept.lines_of_history >= 3
    assert kept.notification_bytes > 300 < kept.request_bytes


def test_a_crew_that_cannot_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(WrongAnswer, match="no crew nobody"),
        running_crew("nobody", tmp_path, outside_url=AT_ONCE),
    ):
        pytest.fail("it started")


async def test_answers_at_once_are_those_of_the_stub() -> None:
    for call in three_calls(URL, 1, CUSTOMERS + 7):
        path = call.url.removeprefix(URL)
        status, body = answer(Asked(call.method, path, call.body))
        told = await AnswersAtOnce().call(call)

        assert isinstance(told, Answered)
        assert (told.status, without_charge_id(told.body)) == (status, without_charge_id(body))
    nobody = Call("GET", f"{URL}/charges/{identity('x')}", {})
    assert not isinstance(await AnswersAtOnce().call(nobody), Answered)


def test_time_outside_of_the_package_is_nobodys_room() -> None:
    with ProcessorTime() as spent:
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass
        inside = time.process_time() + 0.05
        while time.process_time() < inside:
            write_object({"total": 1500})

    rooms = by_room(spent.by_place)
    assert rooms["metronome"] > 0.02
    assert rooms["event loop and libraries by themselves"] > 0.02


def without_charge_id(body: bytes) -> object:
    read = json.loads(body)
    return {name: told for name, told in read.items() if name != "charge_id"}
