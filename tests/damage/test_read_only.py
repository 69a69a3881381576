"""Files and folders that this user may not write: said at the start, survived while running."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from external_gate.stores.sqlite import SqliteStore
from tests.damage.conftest import AS_A_USER, SERVE, Sender, kept
from tests.stories.players import PATIENCE_SECONDS, Players, answers, players, until

PLACES = {
    "the file": ("gate.db", 0o444),
    "the folder": ("", 0o555),
}


@contextmanager
def mode(path: Path, number: int) -> Iterator[None]:
    """Change the mode of a file, and change it back."""
    before = path.stat().st_mode
    path.chmod(number)
    try:
        yield
    finally:
        path.chmod(before)


@pytest.mark.parametrize(("name", "number"), PLACES.values(), ids=PLACES)
async def test_what_cannot_be_written_is_said_at_the_start(
    tmp_path: Path, name: str, number: int
) -> None:
    """A service that started here would refuse every notification, without end."""
    store = SqliteStore(tmp_path / "gate.db", exclusive=True)
    await store.open()
    await store.close()
    with players(tmp_path) as cast:
        cast.write_config()
        with mode(tmp_path / name, number):
            service = cast.start("service", "-c", AS_A_USER, *SERVE, *cast.with_config)
            assert service.wait(PATIENCE_SECONDS) == 2

        said = cast.log("service")
    assert str(tmp_path / "gate.db") in said
    assert "write" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_folder_that_becomes_read_only_loses_nothing_that_was_acknowledged(
    cast: Players,
) -> None:
    """The open database goes on; the mark beside it cannot be renewed, and readiness tells."""
    cast.start("service", "-c", AS_A_USER, *SERVE, *cast.with_config)
    ready = f"{cast.service_url}/readyz"
    until(lambda: answers(ready), "no service")
    sender = Sender(cast)
    sender.deliver()

    with mode(cast.folder, 0o555):
        answer = until(lambda: not_ready(ready), "readiness does not tell")
        sender.deliver()

    assert "gate.db.heartbeat" in answer.json()["why"]
    until(lambda: answers(ready), "the service does not recover")
    sender.deliver()
    cast.kill("service")
    assert not sender.refused
    assert sender.acknowledged <= kept(cast.folder / "gate.db", cast.folder)


def not_ready(url: str) -> httpx.Response | None:
    answer = httpx.get(url, timeout=PATIENCE_SECONDS)
    return answer if answer.status_code == 503 else None
