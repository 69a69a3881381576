"""More connections than there is room for: whoever has sent no whole request goes first."""

import sqlite3
import threading
from contextlib import closing

import pytest

from external_gate.web.server import FEWEST_CONNECTIONS, FILES_KEPT_FREE, fitting
from tests.hostile.conftest import MOST_CONNECTIONS, Siege, besieged
from tests.hostile.test_slow_senders import POST
from tests.stories.players import until
from tests.tallies import count

CROWD = 1000


def crowd(siege: Siege, first: bytes) -> None:
    for _ in range(CROWD):
        siege.attack(first)
    count("hostile: connections opened at once", CROWD)


def test_a_thousand_idle_connections_make_room(siege: Siege) -> None:
    crowd(siege, b"")

    assert siege.deliver() == "200 recorded"
    assert siege.open_connections() <= MOST_CONNECTIONS
    siege.until_all_are_closed()


def test_a_thousand_heads_of_thirty_kilobytes_make_room(siege: Siege) -> None:
    crowd(siege, POST + b"X-Large: " + b"x" * 30_000)

    assert siege.deliver() == "200 recorded"
    assert siege.open_connections() <= MOST_CONNECTIONS


def test_a_thousand_bodies_that_never_end_make_room(siege: Siege) -> None:
    crowd(siege, POST + b"Content-Length: 60000\r\n\r\n" + b"x" * 50_000)

    assert siege.deliver() == "200 recorded"
    assert siege.open_connections() <= MOST_CONNECTIONS


def test_a_good_sender_gets_in_while_the_crowd_comes_again_and_again(siege: Siege) -> None:
    with siege.under_attack(b"", attackers=2 * MOST_CONNECTIONS):
        assert [siege.deliver() for _ in range(10)] == ["200 recorded"] * 10


def test_a_whole_request_is_not_closed_for_a_newcomer(siege: Siege) -> None:
    """Its commit waits for another process's lock while the crowd comes in."""
    became: list[str] = []
    sender = threading.Thread(target=lambda: became.append(siege.deliver()))
    with closing(sqlite3.connect(siege.cast.folder / "gate.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        sender.start()
        for _ in range(2 * MOST_CONNECTIONS):
            siege.attack()
        until(lambda: siege.open_connections() <= MOST_CONNECTIONS, "the service has made no room")
        assert not became
        other.execute("ROLLBACK")
    sender.join()

    assert became == ["200 recorded"]


def test_few_open_files_are_shared_with_the_rest_of_the_service(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Without room of its own neither store nor gateway could be reached any more."""
    with besieged(tmp_path_factory.mktemp("narrow"), open_files=FILES_KEPT_FREE + 50) as siege:
        for _ in range(400):
            siege.attack()

        assert siege.deliver() == "200 recorded"
        assert siege.open_connections() <= 50
        assert "Too many open files" not in siege.cast.log("service")


def test_what_fits_is_at_most_what_is_wanted() -> None:
    assert FEWEST_CONNECTIONS <= fitting(10_000_000) <= 10_000_000
    assert fitting(16) == 16
