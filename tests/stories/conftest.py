"""Fixtures of the stories: whole processes, real sockets, real files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.players import Account, Players, account, players


@pytest.fixture
def store() -> str:
    """Give the table `[store]` of the configuration; empty for a file in the story's folder."""
    return ""


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
