"""What a report says of an outcome, and an offer to pass it on, are kept with it or not at all."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from external_gate.domain.host_notice import NoticeType
from external_gate.stores.sqlite import SqliteStore
from external_gate.testkit.store_checks.report_checks import decided, report, status
from tests.stores.test_outbox_crashes import Photographer
from tests.tallies import count

TABLES = ("notifications", "gate_reports", "incidents", "host_notices", "notice_deliveries")


def in_the_books(path: Path) -> tuple[int, ...]:
    """Count the rows of each table."""
    with closing(sqlite3.connect(path)) as prompt:
        return tuple(
            prompt.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608 - ours
            for name in TABLES
        )


@pytest.fixture
def photographer(path: Path) -> Photographer:
    return Photographer(path)


async def test_killed_at_any_statement_a_contradiction_is_told_and_passed_on_or_not_known(
    path: Path, photographer: Photographer
) -> None:
    store = SqliteStore(path, connect=photographer.connect)
    await store.open()
    store.keep_notices({NoticeType.INCIDENT: ("erp",)})
    await decided(store)
    photographer.is_on = True
    await report(store, status("failed"), forward_to=("forward.ledger",))
    photographer.shoot()
    photographer.is_on = False
    await store.close()

    found = [in_the_books(shot) for shot in photographer.shots]
    assert set(found) == {(1, 0, 0, 0, 0), (2, 1, 1, 2, 2)}
    assert found == sorted(found)
    assert len(found) > 10
    count("crash points of reports", len(found))
