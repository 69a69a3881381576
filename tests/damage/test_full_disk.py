"""The disk fills up under the running service, and has room again later."""

import httpx
import pytest

from tests.damage.conftest import Disk, Sender, disks, kept
from tests.stories.players import Account, Json, Players, until
from tests.tallies import count

DISKS = disks()


def start_host(cast: Players) -> str:
    """Start somebody else's application as the gateway; its books are on another disk."""
    books = cast.folder / "host-books.db"
    host = cast.start("host", "tests/gateways/host.py", "--books", str(books))
    return until(
        lambda: next((w for w in cast.log("host").split() if w.startswith("http://")), None),
        f"the host did not start: {host.poll()}",
    )


@pytest.mark.slow
@pytest.mark.parametrize("disk", DISKS.values(), ids=DISKS)
def test_a_full_disk_acknowledges_nothing_and_charges_nobody_twice(
    cast: Players, metronome: Account, disk: Disk
) -> None:
    host = start_host(cast)
    control = host.rsplit("/", 1)[0] + "/_control"
    cast.write_config(gateway=f'adapter = "http"\nurl = "{host}"')
    disk.start_service(cast)
    sender = Sender(cast)
    assert [sender.deliver() for _ in range(3)] == [True] * 3
    running = metronome.reach("pm_running")
    charges = until(lambda: httpx.get(f"{control}/charges").json(), "no charge was begun")
    [key] = charges[running["workflow_id"]]

    disk.fill(cast)
    httpx.post(f"{control}/finish", json={"attempt_key": key, "status": "succeeded"})
    until(lambda: not sender.deliver(), "the disk does not fill up")
    waiting = metronome.reach("pm_ok")
    until(lambda: was_refused(metronome, waiting), "Metronome was not refused")

    assert not sender.deliver()
    assert {answer.status_code for answer in sender.refused} == {503}
    assert all(answer.headers["Retry-After"].isdigit() for answer in sender.refused)
    assert httpx.get(f"{cast.service_url}/readyz").status_code == 503
    assert httpx.get(f"{cast.service_url}/livez").status_code == 200

    disk.free(cast)
    until(sender.deliver, "the room is not used again")
    metronome.control("clock", advance_seconds=3600)  # Metronome delivers again
    for workflow in (running, waiting):
        metronome.ended(workflow, "COMMITTED")

    captures = httpx.get(f"{control}/charges").json()
    for workflow in (running, waiting):
        assert list(captures[workflow["workflow_id"]].values()) == [1]
    assert sender.acknowledged <= kept(disk.database(cast), cast.folder)
    assert "Traceback" not in cast.log("service")
    count("damage: full disks survived")


def was_refused(metronome: Account, workflow: Json) -> bool:
    tries = [
        d for d in metronome.books()["deliveries"] if d["workflow_id"] == workflow["workflow_id"]
    ]
    return any(delivery["status"] == 503 for delivery in tries)
