"""Proves after a race that everything that was acknowledged is in the database."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import psycopg

from bench.faults import LostNotification
from bench.load.load_process import Sent
from bench.load.notifications import notification_id

SQLITE = "sqlite:///"
SHOWN = 3


def prove_nothing_lost(store_url: str, sent: Iterable[Sent]) -> int:
    """Compare what was acknowledged with the rows; gives how many were.

    Raises `LostNotification`.
    """
    kept, acknowledged, missing = _kept(store_url), 0, []
    for order in sent:
        for number in range(order.count):
            if number not in order.unacknowledged:
                acknowledged += 1
                wanted = notification_id(order.batch, number)
                if wanted not in kept:
                    missing.append(wanted)
    if missing:
        raise LostNotification(
            f"{len(missing)} of {acknowledged} acknowledged notifications are not in {store_url}, "
            f"such as {missing[:SHOWN]}"
        )
    return acknowledged


def _kept(store_url: str) -> set[str]:
    if store_url.startswith(SQLITE):
        connection = sqlite3.connect(Path(store_url.removeprefix(SQLITE)))
        try:
            rows = connection.execute("SELECT notification_id FROM notifications")
            return {row[0] for row in rows}
        finally:
            connection.close()
    with psycopg.connect(store_url) as session:
        found = session.execute("SELECT notification_id FROM external_gate.notifications")
        return {row[0] for row in found}
