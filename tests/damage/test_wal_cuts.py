"""The write-ahead log after a power failure, cut at every edge and anywhere: nobody pays twice.

SQLite forces a commit to the disk before we answer, so that a power failure can only take what was
being written. A deeper cut is an older state, as from a backup; the mark beside the database shows.
"""

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from external_gate.domain.charge import Capabilities, Idempotency
from external_gate.domain.workflow import ENDED, State, Verdict
from external_gate.stores.store_records import WorkflowFilter
from tests.damage.corpse import Corpse, commits, live_and_die, taken
from tests.engine.world import (
    EVERY_ANSWER,
    NO_KEY_BUT_LOOKUP,
    NOTHING,
    REPLAY,
    SUCCESS_ONLY,
    World,
)
from tests.stores.conftest import by_hand
from tests.tallies import count

SEED = int(os.environ.get("DAMAGE_SEED", "20261122"))


def chances() -> Random:
    """Give the one source of chance of a test."""
    return Random(SEED)  # noqa: S311 - places to cut, not secrets


CUTS_PER_KIND = 9

WAITS_MINUTES = (0, 1, 2, 5, 10, 20, 30, 60, 120, *[480] * 12)
"""After a restart: long enough for every ladder and every deadline to end."""

KINDS = {
    "every answer": EVERY_ANSWER,
    "success only": SUCCESS_ONLY,
    "replay": REPLAY,
    "no key but lookup": NO_KEY_BUT_LOOKUP,
    "nothing": NOTHING,
}

Cut = tuple[int, bytes]
"""The end of the last commit that is whole, and the log as it was left."""


def cuts(wal: bytes, chance: Random) -> Iterator[Cut]:
    """Give logs that end at each commit, beside each, and in the middle of the next one."""
    for before, after in pairwise(commits(wal)):
        inside = chance.randrange(before + 1, after)
        yield before, wal[:before]
        yield before, wal[: before + 1]
        yield before, wal[: after - 1]
        yield before, wal[:inside] + chance.randbytes(after - inside)
        yield before, wal[:inside] + bytes(after - inside)
    yield len(wal), wal
    yield len(wal), wal + chance.randbytes(5000)


async def test_a_cut_loses_no_whole_commit(tmp_path: Path) -> None:
    corpse = await live_and_die(tmp_path, EVERY_ANSWER)
    tried = 0

    for number, (end, wal) in enumerate(cuts(corpse.wal, chances())):
        folder = corpse.copied(tmp_path / f"cut-{number}", wal)
        with by_hand(folder / "gate.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        if must := corpse.acknowledged_until(end):
            with by_hand(folder / "gate.db") as connection:
                rows = connection.execute("SELECT workflow_id FROM workflows").fetchall()
            assert {row[0] for row in rows} == must
        tried += 1

    assert tried > 100
    count("damage: WAL cuts recovered to their last whole commit", tried)


@pytest.mark.parametrize("capabilities", KINDS.values(), ids=KINDS)
async def test_whatever_is_cut_nobody_pays_twice(
    capabilities: Capabilities, tmp_path: Path
) -> None:
    corpse = await live_and_die(tmp_path, capabilities)
    chance = chances()
    wanted = [cut for cut in cuts(corpse.wal, chance) if is_seen(corpse, cut)]

    for number, (_, wal) in enumerate([wanted[-1], *chance.sample(wanted, CUTS_PER_KIND)]):
        async with corpse.revived(tmp_path / f"cut-{number}", wal) as world:
            if number % 2:
                await hear_again(corpse, world)
            for minutes in WAITS_MINUTES:
                world.clock.advance(minutes=minutes)
                await world.work()
            await assert_kept(world)
        count("damage: WAL cuts survived")


def is_seen(corpse: Corpse, cut: Cut) -> bool:
    """Tell whether what is missing can be noticed, or harms nobody because keys protect.

    What was committed after the last beat leaves no mark elsewhere. Only a disk that lies about
    what it has written can lose just that; a gateway that takes no key cannot save us then.
    """
    by_key = corpse.gateway.capabilities.idempotency is not Idempotency.NONE
    end, wal = cut
    return by_key or end < corpse.beaten or len(wal) >= len(corpse.wal)


async def hear_again(corpse: Corpse, world: World) -> None:
    """Let Metronome deliver everything once more."""
    for name in corpse.acknowledged:
        await world.receive(name)


async def assert_kept(world: World) -> None:
    """Compare the outcome with the books of both sides."""
    for workflow in await world.store.workflows(WorkflowFilter()):
        name = workflow.workflow_id
        told = world.billing.outcomes.get(name)
        assert taken(world, name) <= 1, f"{name} was charged twice"
        assert told is not Verdict.PAID or taken(world, name) == 1, f"{name}: paid without money"
        assert told is not Verdict.FAILED or taken(world, name) == 0, f"{name}: failed with money"
        assert workflow.state in {*ENDED, State.HELD, State.PENDING}, f"{name}: {workflow.state}"
