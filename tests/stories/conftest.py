"""Fixtures of the stories: whole processes, real sockets, real files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.players import Account, Players, account, players


@pytest.fixture
def cast(tmp_path: Path) -> Iterator[Players]:
    """Give the players; the configuration is written, nothing runs yet."""
    with players(tmp_path) as found:
        found.write_config()
        yield found


@pytest.fixture
def metronome(cast: Players) -> Iterator[Account]:
    """Give an account at a running emulator."""
    cast.start_emulator()
    found = account(cast)
    yield found
    found.sdk.close()
