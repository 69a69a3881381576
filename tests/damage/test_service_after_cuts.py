"""The whole service, put back to one cut after the other of its own write-ahead log."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from external_gate.gateways.sandbox import charges_by_workflow
from tests.damage.corpse import HEADER_BYTES, commits
from tests.stories.players import Account, Players, until
from tests.tallies import count

UNSETTLED = """
SELECT count(*) FROM workflows WHERE state NOT IN ('released', 'cancelled', 'refunded', 'held')
"""


def is_settled(database: Path) -> bool:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        (unsettled,) = connection.execute(UNSETTLED).fetchone()
    return int(unsettled) == 0


@pytest.mark.slow
def test_a_service_charges_nobody_twice_from_any_cut_on(cast: Players, metronome: Account) -> None:
    database, dead = cast.folder / "gate.db", cast.folder / "dead"
    cast.start_service()
    opened = [metronome.reach(method) for method in ("pm_ok", "pm_timeout_charged", "pm_ok")]
    until(lambda: charges_by_workflow(cast.books), "nothing was charged")
    cast.kill("service")
    shutil.copytree(cast.folder, dead)
    wal = (dead / "gate.db-wal").read_bytes()
    ends = list(commits(wal))

    # The whole log first: afterwards everybody has paid, and each cut forgets more of it.
    for left in (wal + b"torn", wal[: ends[len(ends) // 2] + 1], wal[:HEADER_BYTES]):
        for path in cast.folder.glob("gate.db*"):
            path.unlink()
        shutil.copy(dead / "gate.db", database)
        shutil.copy(dead / "gate.db.heartbeat", cast.folder / "gate.db.heartbeat")
        database.with_name("gate.db-wal").write_bytes(left)
        cast.start_service()
        metronome.control("clock", advance_seconds=3600)  # what was refused comes again
        until(lambda: is_settled(database), f"not settled with {len(left)} of {len(wal)} bytes")
        cast.kill("service")
        count("damage: WAL cuts survived by the whole service")

    for workflow in opened:
        metronome.ended(workflow, "COMMITTED")
    charged = {w: sum(keys.values()) for w, keys in charges_by_workflow(cast.books).items()}
    assert charged == {workflow["workflow_id"]: 1 for workflow in opened}
