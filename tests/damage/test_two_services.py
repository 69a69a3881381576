"""Two services on one file by mistake: refused, or safe where nobody can notice."""

import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from external_gate.domain.errors import Broken
from external_gate.gateways.sandbox import charges_by_workflow
from external_gate.stores.sqlite import SqliteStore
from tests.damage.conftest import SERVE
from tests.stories.players import PATIENCE_SECONDS, Account, Players, answers, free_port, until
from tests.tallies import count

SLOW = "delay_seconds = 1.5"

WORK = ("-m", "external_gate", "worker")


def config_of(cast: Players, name: str, database: str) -> str:
    """Write the configuration of another service that names the database in its own way."""
    text = cast.config.read_text()
    for old, new in (
        (f"port = {cast.service_port}", f"port = {free_port()}"),
        (f"sqlite:///{cast.folder}/gate.db", f"sqlite:///{database}"),
    ):
        assert old in text
        text = text.replace(old, new)
    path = cast.folder / f"{name}.toml"
    path.write_text(text)
    return str(path)


def freeze(cast: Players, name: str) -> None:
    """Stop a process between two transactions.

    One that is stopped within a transaction keeps SQLite's write lock for as long as it is stopped:
    nobody else can write then, whatever leases have run out, and there is nothing to take over. On
    a busy machine, whose fsync takes long, that is where one stop in ten lands.
    """
    process = cast.running[name]
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up_at:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        if all(can_be_written(file) for file in (cast.folder / "gate.db", cast.books)):
            return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.02)  # lets it finish its transaction
    raise AssertionError(f"{name} is always within a transaction")


def can_be_written(file: Path) -> bool:
    """Whether nobody keeps a database locked for as long as the services would wait for it."""
    with closing(sqlite3.connect(file, timeout=1, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            return False
    return True


@pytest.mark.slow
async def test_a_second_process_is_refused_however_it_names_the_file(cast: Players) -> None:
    first = cast.start_service()
    database = cast.folder / "gate.db"
    (cast.folder / "link.db").symlink_to(database)
    (cast.folder / "folder").symlink_to(cast.folder)
    (cast.folder / "below").mkdir()
    relative = os.path.relpath(database)  # noqa: ASYNC240 - reads no disk
    second = config_of(cast, "second", f"{cast.folder}/folder/gate.db")

    cast.start("serve", *SERVE, "--config", second)
    cast.start("worker", *WORK, "--config", second)
    for name in (
        str(database),
        relative,
        f"{cast.folder}/below/../gate.db",
        f"{cast.folder}/link.db",
        f"{cast.folder}/folder/gate.db",
    ):
        with pytest.raises(Broken, match=f"process {first.pid} already serves or works"):
            await SqliteStore(Path(name), exclusive=True).open()

    # Under another name of its own it would have another log and another lock, and be damaged.
    other = cast.folder / "below" / "gate.db"
    other.hardlink_to(database)
    with pytest.raises(Broken, match="has 2 names"):
        await SqliteStore(other, exclusive=True).open()
    other.unlink()

    for name in ("serve", "worker"):
        assert cast.running[name].wait(PATIENCE_SECONDS) == 2
        assert f"process {first.pid} already serves or works" in cast.log(name)
    assert answers(f"{cast.service_url}/readyz")
    cast.kill("service")
    cast.start_service()  # the lock died with its process


@pytest.mark.slow
def test_two_services_whose_lock_was_deleted_charge_once(cast: Players, metronome: Account) -> None:
    """Neither sees the other's lock; the fences in the database are what is left."""
    # Long enough for the charges to be on the wire still when the first service is stopped.
    cast.config.write_text(cast.config.read_text().replace("delay_seconds = 0.2", SLOW))
    assert SLOW in cast.config.read_text()
    cast.start_service()
    (cast.folder / "gate.db.lock").unlink()
    config = config_of(cast, "second", f"{cast.folder}/gate.db")
    cast.start("second", *SERVE, "--config", config)
    until(lambda: '"started"' in cast.log("second"), "the second did not start")

    opened = [metronome.reach(method) for method in ("pm_ok", "pm_timeout_charged", "pm_ok")]
    until(lambda: charges_by_workflow(cast.books), "nothing is charged")
    freeze(cast, "service")  # until its leases have run out
    until(lambda: '"paid_decided"' in cast.log("second"), "the second does not take over")
    cast.signal("service", signal.SIGCONT)
    for workflow in opened:
        metronome.ended(workflow, "COMMITTED")

    charged = {w: sum(keys.values()) for w, keys in charges_by_workflow(cast.books).items()}
    assert charged == {workflow["workflow_id"]: 1 for workflow in opened}
    count("damage: workflows charged once by two services", len(opened))
