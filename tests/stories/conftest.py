"""Fixtures of the stories: whole processes, real sockets, both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import DATABASES
from tests.stories.players import Account, Players, account, players
from tests.throwaway_postgres import Cluster


@pytest.fixture(params=DATABASES)
def store(request: pytest.FixtureRequest) -> str:
    """Give the table `[store]` of the configuration; empty for a file in the story's folder.

    Every story is told on both databases, unless it says why not.
    """
    if request.param == "sqlite":
        return ""
    postgres: Cluster = request.getfixturevalue("postgres")
    namespace: str = request.getfixturevalue("namespace")
    return f'url = "{postgres.url}"\nnamespace = "{namespace}"'


@pytest.fixture
def cast(tmp_path: Path, store: str) -> Iterator[Players]:
    """Give the players; the configuration is written, nothing runs yet."""
    with players(tmp_path) as found:
        found.store = store
        found.write_config()
        yield found


@pytest.fixture
def metronome(cast: Players) -> Iterator[Account]:
    """Give an account at a running emulator."""
    cast.start_emulator()
    found = account(cast)
    yield found
    found.sdk.close()
