"""Databases that were really lived in: worlds of the simulation, caught in the middle of things."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache
from itertools import count
from typing import TypeVar

from external_gate.domain.workflow import State
from external_gate.stores.sql_store import Stage
from external_gate.stores.sql_transaction import Transaction
from tests.simulation.campaign import class_of
from tests.simulation.database import MemoryDatabase
from tests.simulation.refusing_guard import installed
from tests.simulation.universe import run_seed

Result = TypeVar("Result")


class _Watched(MemoryDatabase):
    """Keeps what it looked like when a workflow first was in a state that nobody had seen yet."""

    def __init__(self, unseen: set[State], kept: list[bytes]) -> None:
        super().__init__()
        self._unseen = unseen
        self._kept = kept

    def commit(self, stage: Callable[[Transaction], Result], first: Stage | None) -> Result:
        try:
            return super().commit(stage, first)
        finally:
            found = self.connection.execute("SELECT DISTINCT state FROM workflows").fetchall()
            states = {State(state) for (state,) in found}
            if states & self._unseen:
                self._unseen -= states
                self._kept.append(self.copy())


@cache
def lived_histories() -> tuple[bytes, ...]:
    """Give databases, as files have them, in which together every state is found."""
    unseen, kept = set(State), list[bytes]()
    with installed():
        for seed in count():
            if not unseen:
                return tuple(kept)
            run_seed(seed, class_of(seed), database=lambda: _Watched(unseen, kept))
    raise AssertionError


def long_history() -> bytes:
    """Give the one of which most is told and in which something is not finished."""
    return max(lived_histories(), key=_unfinished_and_told)


def _unfinished_and_told(history: bytes) -> tuple[bool, int]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(history)
        (unfinished,) = connection.execute(
            "SELECT count(*) FROM workflows"
            " WHERE state NOT IN ('released', 'cancelled', 'refunded')"
        ).fetchone()
        (told,) = connection.execute("SELECT count(*) FROM history").fetchone()
    return unfinished > 0, told
