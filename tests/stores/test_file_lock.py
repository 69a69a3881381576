"""One serving or working process per SQLite file; commands write beside it."""

from pathlib import Path

import anyio
import pytest

from external_gate.domain.errors import Broken
from external_gate.stores.sqlite import SqliteStore
from external_gate.testkit.store_checks.store_samples import W1, W2, begun
from tests.stores.conftest import another_process, line_of, opened

SERVE = """
import asyncio, sys
from pathlib import Path
from external_gate.stores.sqlite import SqliteStore

async def main():
    await SqliteStore(Path(sys.argv[1]), exclusive=True).open()
    print("serving", flush=True)
    sys.stdin.readline()

asyncio.run(main())
"""


async def test_second_service_is_refused_and_told_who_is_first(path: Path) -> None:
    with another_process(SERVE, path) as first:
        assert line_of(first) == "serving"

        with pytest.raises(Broken, match=f"process {first.pid} already serves"):
            await SqliteStore(path, exclusive=True).open()


async def test_lock_dies_with_its_process(path: Path) -> None:
    with another_process(SERVE, path) as first:
        assert line_of(first) == "serving"
        first.kill()
        first.wait()

        async with opened(path, exclusive=True) as store:
            await begun(store)


async def test_command_writes_beside_the_service(path: Path) -> None:
    async with opened(path, exclusive=True) as service, opened(path) as command:
        await begun(service, W1)
        await begun(command, W2)

        assert await service.dossier(W2) is not None


async def test_link_to_the_file_has_the_same_lock(path: Path) -> None:
    link = path.with_name("link.db")
    async with opened(path, exclusive=True):
        await anyio.Path(link).symlink_to(path)

        with pytest.raises(Broken, match="already serves"):
            await SqliteStore(link, exclusive=True).open()


async def test_lock_is_free_after_closing(path: Path) -> None:
    for _ in range(2):
        async with opened(path, exclusive=True):
            pass
