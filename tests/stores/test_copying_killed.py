"""A move that is killed at any step goes on; at no step can both databases be served."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from external_gate.domain.errors import Broken, Refused, Unavailable
from external_gate.stores.copied_tables import TABLES, count_of
from external_gate.stores.copy_marks import CopyMark, Stage
from external_gate.stores.copy_source import opened_source, take_back
from external_gate.stores.copying import PATIENCE, Progress, move, verify
from external_gate.stores.postgres import PostgresStore
from external_gate.stores.postgres_address import PostgresAddress
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.store import Store
from external_gate.testkit.store_checks.store_samples import NOW
from tests.stores.conftest import by_hand
from tests.stores.lived_histories import long_history
from tests.tallies import count
from tests.throwaway_postgres import Cluster, fresh_namespace

ROWS = 40
"""In one batch: several of them even of a short history."""


class Killed(BaseException):
    """Nobody catches it."""


def dying_at(step: int) -> Callable[[Progress], None]:
    """Go on for some steps, and then die."""
    left = iter(range(step))

    def tell(progress: Progress) -> None:
        if next(left, None) is None:
            raise Killed

    return tell


def can_be_served(store: Store) -> bool:
    """Tell whether a service would start."""

    async def opened() -> bool:
        try:
            await store.open()
        except Broken:
            return False
        finally:
            await store.close()
        return True

    return asyncio.run(opened())


def served(path: Path, address: PostgresAddress) -> tuple[bool, bool]:
    """Tell whether a service would start on the file, and on the schema."""
    return can_be_served(SqliteStore(path, exclusive=True)), can_be_served(PostgresStore(address))


@pytest.fixture
def lived(path: Path) -> Path:
    """Give a file with a history of every kind of row, payers too."""
    path.write_bytes(long_history())
    with by_hand(path) as connection:
        connection.executemany(
            "INSERT INTO payers VALUES (?, 'cus', 'pm', NULL)",
            [(f"customer-{number}",) for number in range(ROWS + 5)],
        )
        connection.executemany(
            "INSERT INTO host_notices (number, message_id, type, sequence, at, body)"
            " VALUES (?, 'msg_' || ?1, 'threshold.sold', 0, 1, '')",
            [(number,) for number in range(1, ROWS + 5)],
        )
        connection.execute(
            "INSERT INTO notice_deliveries (notice, endpoint, state, due_at, give_up_at)"
            " SELECT number, 'erp', 'waiting', 1, 2 FROM host_notices"
        )
        connection.execute(
            "INSERT INTO payer_changes SELECT customer_id, 1, 'shop' FROM payers LIMIT 1",
        )
        connection.execute(
            "INSERT INTO aftermaths (workflow_id, began_at, updated_at, stage)"
            " SELECT workflow_id, 1, 1, 'left' FROM workflows"
            " WHERE workflow_id NOT IN (SELECT workflow_id FROM aftermaths) LIMIT 1"
        )
        connection.execute(
            "INSERT INTO incidents (workflow_id, kind, at, detail)"
            " SELECT workflow_id, 'reversed', 1, '' FROM workflows LIMIT 1"
        )
        connection.execute(
            "INSERT OR IGNORE INTO gate_reports (notification, kind, customer_id, contract_id,"
            " workflow_type, status, message, at, received_at)"
            " SELECT number, 'payment_gate.payment_status', 'ada', 'con', 'spend', 'paid', '', 1, 1"
            " FROM notifications LIMIT 1"
        )
        connection.execute(
            "INSERT OR IGNORE INTO gateway_notices"
            " (gateway, event_id, attempt_key, signed_and_final, received_at)"
            " VALUES ('main', 'evt', 'of-nobody', 0, 1)"
        )
        connection.execute(
            "INSERT INTO inbox (body, signed_at, received_at, headers) VALUES (x'7b7d', 1, 2, '{}')"
        )
        empty = [table for table in TABLES if not count_of(connection, table)]
        assert empty == []
    return path


def test_killed_at_every_step_it_goes_on(lived: Path, address: PostgresAddress) -> None:
    """Each run is killed one step later in its life; what arrived before is not brought again."""
    step = 0
    while True:
        try:
            copied = move(lived, address, rows=ROWS, tell=dying_at(step))
        except Killed:
            assert served(lived, address) == (False, False), step
            step += 1
            continue
        break

    assert served(lived, address) == (False, True)
    with by_hand(lived) as connection:
        assert sum(table.rows for table in copied.tables) == sum(
            count_of(connection, table) for table in TABLES
        )
    assert copied.brought == 0
    count("steps at which a move to PostgreSQL was killed", step)


def test_killed_at_any_step_of_a_whole_move_it_goes_on(
    postgres: Cluster, lived: Path, address: PostgresAddress
) -> None:
    """Every copy is killed once, each at another step, and then finished in one go."""
    step, image = 0, lived.read_bytes()
    while True:
        lived.write_bytes(image)
        with fresh_namespace(postgres) as namespace:
            there = PostgresAddress(address.parameters, namespace, address.lock_timeout)
            try:
                move(lived, there, rows=ROWS, tell=dying_at(step))
                break
            except Killed:
                assert served(lived, there) == (False, False), step
            move(lived, there, rows=ROWS)
            assert served(lived, there) == (False, True), step
            verify(lived, there)
        step += 1

    count("steps at which a move to PostgreSQL was killed", step)


CHILD = """
import os, signal, sys
from pathlib import Path
from external_gate.stores.copying import move
from external_gate.stores.postgres_address import address_of

def tell(progress):
    if (progress.doing, progress.table) == (sys.argv[4], sys.argv[5]):
        os.kill(os.getpid(), signal.SIGKILL)

move(Path(sys.argv[1]), address_of(sys.argv[2], namespace=sys.argv[3]), rows=40, tell=tell)
"""


@pytest.mark.slow
def test_process_that_is_killed_leaves_what_the_next_one_needs(
    postgres: Cluster, lived: Path, address: PostgresAddress
) -> None:
    for doing, table in (
        ("copied", "workflows"),
        ("copied", "history"),
        ("compared", "history"),
        ("handing over", "the marks"),
    ):
        arguments = [str(lived), postgres.url, address.namespace, doing, table]
        done = subprocess.run([sys.executable, "-c", CHILD, *arguments], check=False)

        assert done.returncode == -signal.SIGKILL
        assert served(lived, address) == (False, False), (doing, table)

    move(lived, address)
    verify(lived, address)
    assert served(lived, address) == (False, True)


def test_server_that_is_killed_amid_the_move_is_no_end_of_it(
    postgres: Cluster, lived: Path, address: PostgresAddress
) -> None:
    def restart(progress: Progress) -> None:
        if progress.table == "evidence":
            postgres.stop()

    with pytest.raises(Unavailable):
        move(lived, address, rows=ROWS, tell=restart)
    postgres.start()

    move(lived, address, rows=ROWS)
    verify(lived, address)
    assert served(lived, address) == (False, True)


def test_move_that_only_the_file_knows_of_begins_anew(
    lived: Path, address: PostgresAddress
) -> None:
    with opened_source(lived, patience=PATIENCE) as source:
        source.begin_to_leave(CopyMark(Stage.LEAVING, 7, "there"))

    assert move(lived, address).copy_id != 7
    assert served(lived, address) == (False, True)


def test_finished_move_is_not_made_again(lived: Path, address: PostgresAddress) -> None:
    move(lived, address)

    again = move(lived, address)

    assert (again.tables, again.brought) == ((), 0)


def test_half_a_move_is_given_up(lived: Path, address: PostgresAddress) -> None:
    with pytest.raises(Killed):
        move(lived, address, rows=ROWS, tell=dying_at(3))

    marked = take_back(lived, now=NOW, patience=PATIENCE)

    # Nobody can have been served from the schema: no charge begins with a lookup for that.
    assert marked is None
    assert served(lived, address) == (True, False)
    with pytest.raises(Refused, match="has a part of another copy"):
        move(lived, address)


def test_whole_move_that_is_taken_back_makes_an_older_copy(
    lived: Path, address: PostgresAddress
) -> None:
    move(lived, address)

    marked = take_back(lived, now=NOW, patience=PATIENCE)

    with by_hand(lived) as connection:
        unfinished = connection.execute(
            "SELECT count(*), min(restored_at) FROM workflows "
            "WHERE state NOT IN ('released', 'cancelled', 'refunded')"
        ).fetchone()
        connection.execute("UPDATE workflows SET tries = tries")  # writes are welcome again
    assert marked == unfinished[0] > 0
    assert unfinished[1] is not None
    assert can_be_served(SqliteStore(lived, exclusive=True))
    with pytest.raises(Refused, match="is in use already"):
        move(lived, address)


def test_file_that_was_never_moved_is_not_taken_back(lived: Path) -> None:
    with pytest.raises(Refused, match="nothing to take back"):
        take_back(lived, now=NOW, patience=PATIENCE)


def test_two_targets_never_arrive_both(
    postgres: Cluster, lived: Path, address: PostgresAddress
) -> None:
    with pytest.raises(Killed):
        move(lived, address, rows=ROWS, tell=dying_at(3))
    with fresh_namespace(postgres) as namespace:
        other = PostgresAddress(address.parameters, namespace, address.lock_timeout)
        move(lived, other)

        with pytest.raises(Refused, match=r"was moved to .* already"):
            move(lived, address)
        assert served(lived, other) == (False, True)
    assert not can_be_served(PostgresStore(address))


def test_older_copy_of_a_moved_file_is_not_served_either(
    lived: Path, address: PostgresAddress
) -> None:
    """Put back from amid the move, it still says that it leaves."""
    with pytest.raises(Killed):
        move(lived, address, rows=ROWS, tell=dying_at(3))
    amid = lived.read_bytes()
    move(lived, address)
    lived.write_bytes(amid)

    move(lived, address)

    with pytest.raises(Broken, match="was moved to"):
        asyncio.run(SqliteStore(lived).open())
