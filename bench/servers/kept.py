"""Proves after a race that everything that was acknowledged is in the database."""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import psycopg

from bench.faults import LostNotification, WrongAnswer
from bench.load.load_process import Sent
from bench.load.notifications import notification_id

PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.02

SQLITE = "sqlite:///"
SHOWN = 3


def until_recorded(store_url: str) -> None:
    """Wait until nothing waits in the inbox that a rush has left. Raises `WrongAnswer`."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while _numbers(store_url, ["SELECT count(*) FROM inbox"]) != [0]:
        if time.monotonic() > give_up_at:
            raise WrongAnswer(f"{store_url} still has an inbox after {PATIENCE_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)


def prove_nothing_lost(store_url: str, sent: Iterable[Sent]) -> int:
    """Compare what was acknowledged with the rows; gives how many were.

    Raises `LostNotification`.
    """
    until_recorded(store_url)
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


def prove_all_released(store_url: str, count: int) -> None:
    """Compare what a crew has counted with the rows: each charged by one send, each released once.

    Raises `WrongAnswer`.
    """
    asked = (
        "SELECT count(*) FROM workflows WHERE state <> 'released' OR verdict <> 'paid'",
        "SELECT count(*) FROM workflows",
        "SELECT count(*) FROM attempts",
        "SELECT sum(sends) FROM attempts",
        "SELECT count(*) FROM releases",
        "SELECT sum(sends) FROM releases",
    )
    told = _numbers(store_url, asked)
    if told != [0] + [count] * (len(asked) - 1):
        raise WrongAnswer(f"{count} workflows were released, but the books say {told}")


def _numbers(store_url: str, questions: Sequence[str]) -> list[int]:
    if store_url.startswith(SQLITE):
        connection = sqlite3.connect(Path(store_url.removeprefix(SQLITE)))
        try:
            return [int(connection.execute(each).fetchone()[0] or 0) for each in questions]
        finally:
            connection.close()
    with psycopg.connect(store_url) as session:
        session.execute("SET search_path TO external_gate")
        rows = [session.execute(each.encode()).fetchone() for each in questions]
        return [int(row[0] or 0) if row else 0 for row in rows]
