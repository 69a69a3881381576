"""What every command opens: beside a running service, quietly, but not without a warning."""

from datetime import timedelta

import pytest

from external_gate.cli.opening import open_service, open_store
from external_gate.domain.errors import Unavailable
from external_gate.settings import SettingsFaulty
from external_gate.stores.file_lock import FileLock
from external_gate.stores.store import Store
from tests.cli.conftest import Home
from tests.databases import only_sqlite
from tests.engine.world import START


@only_sqlite("only a file has one serving process")
async def test_commands_work_beside_a_serving_process(home: Home) -> None:
    lock = FileLock(home.file.with_name("gate.db.lock"))
    lock.acquire()  # as a service does for as long as it runs
    try:
        async with open_store(home.config) as store, open_service(home.config) as service:
            assert await store.counts() == await service.store.counts()
    finally:
        lock.release()


async def test_everything_is_closed_afterwards(home: Home) -> None:
    async with open_service(home.config) as service:
        store = service.store

    with pytest.raises(Unavailable, match="not open"):
        await store.counts()


@only_sqlite("that nothing was made is seen by a file")
async def test_faulty_configuration_opens_nothing(home: Home) -> None:
    home.configure(port=70_000)

    with pytest.raises(SettingsFaulty):
        async with open_store(home.config):
            raise AssertionError("it was opened")
    assert not home.file.exists()


async def test_gateways_are_checked_for_the_service_only(home: Home) -> None:
    home.configure(gateway='adapter = "no-such"')

    async with open_store(home.config):
        pass
    with pytest.raises(SettingsFaulty, match=r"gateways\.main\.adapter"):
        async with open_service(home.config):
            raise AssertionError("it was opened")


@only_sqlite("a command knows an older copy by what stands beside a file")
def test_command_that_finds_the_database_an_older_copy_says_so(home: Home) -> None:
    async def beat(store: Store, *, minutes: int) -> None:
        await store.heartbeat(START + timedelta(minutes=minutes))

    home.with_store(lambda store: beat(store, minutes=1))
    backup = home.file.read_bytes()
    home.with_store(lambda store: beat(store, minutes=2))
    home.file.write_bytes(backup)

    first = home.run("workflows", "list")
    second = home.run("workflows", "list")

    assert first.exit_code == 0
    assert "database_restored" in first.stderr
    assert "database_restored" not in second.stderr
