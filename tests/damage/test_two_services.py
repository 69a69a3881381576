"""Two services on one file by mistake: refused, or safe where nobody can notice."""

import os
import signal
from pathlib import Path

import pytest

from external_gate.domain.errors import Broken
from external_gate.gateways.sandbox import charges_by_workflow
from external_gate.stores.sqlite import SqliteStore
from tests.damage.conftest import SERVE
from tests.stories.players import PATIENCE_SECONDS, Account, Players, answers, free_port, until
from tests.tallies import count

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
    cast.start_service()
    (cast.folder / "gate.db.lock").unlink()
    config = config_of(cast, "second", f"{cast.folder}/gate.db")
    cast.start("second", *SERVE, "--config", config)
    until(lambda: '"started"' in cast.log("second"), "the second did not start")

    opened = [metronome.reach(method) for method in ("pm_ok", "pm_timeout_charged", "pm_ok")]
    until(lambda: charges_by_workflow(cast.books), "nothing is charged")
    cast.signal("service", signal.SIGSTOP)  # until its leases have run out
    until(lambda: '"paid_decided"' in cast.log("second"), "the second does not take over")
    cast.signal("service", signal.SIGCONT)
    for workflow in opened:
        metronome.ended(workflow, "COMMITTED")

    charged = {w: sum(keys.values()) for w, keys in charges_by_workflow(cast.books).items()}
    assert charged == {workflow["workflow_id"]: 1 for workflow in opened}
    count("damage: workflows charged once by two services", len(opened))
