"""`kill -9`, `kill -STOP`, SIGTERM, a second process: same result, one charge per workflow."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from external_gate.gateways.sandbox import charges_by_workflow
from tests.databases import PostgresSchema, SqliteFile, only_sqlite, reused
from tests.stories.players import Account, Json, Players, answers, until
from tests.throwaway_postgres import Cluster

CHARGED_ONCE = 1


ByHand = Callable[[str], list[Any]]
"""Runs a statement of somebody who knows nothing of the store."""


@pytest.fixture
def by_hand(cast: Players, store: str, request: pytest.FixtureRequest) -> ByHand:
    if not store:
        return SqliteFile(cast.folder / "gate.db").by_hand
    cluster: Cluster = request.getfixturevalue("postgres")
    namespace: str = request.getfixturevalue("namespace")
    return PostgresSchema(cluster.url, reused(cluster.url, namespace)).by_hand


def captures(cast: Players) -> dict[str, int]:
    return {w: sum(keys.values()) for w, keys in charges_by_workflow(cast.books).items()}


def all_in(metronome: Account, state: str) -> list[Json] | None:
    found: list[Json] = metronome.books()["workflows"]
    return found if all(w["state"] == state for w in found) else None


@pytest.mark.slow
def test_killed_again_and_again_every_workflow_is_charged_once(
    cast: Players, metronome: Account
) -> None:
    seed = int(os.environ.get("STORY_SEED", "20261122"))
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    cast.start_service()
    for _ in range(4):
        metronome.reach("pm_ok")
        metronome.reach("pm_timeout_charged")
        time.sleep(chance.uniform(0.0, 0.6))  # the moment of the kill is what is tested
        cast.kill("service")
        cast.start_service()
        metronome.control("clock", advance_seconds=900)

    until(lambda: all_in(metronome, "COMMITTED"), f"seed {seed}: {metronome.books()['workflows']}")

    opened = [w["workflow_id"] for w in metronome.books()["workflows"]]
    assert captures(cast) == dict.fromkeys(opened, CHARGED_ONCE), f"seed {seed}"


@pytest.mark.slow
def test_stopped_past_its_lease_in_mid_charge_and_continued(
    cast: Players, metronome: Account
) -> None:
    cast.start_service()
    workflow = metronome.reach("pm_ok")
    until(lambda: captures(cast) or None, "no charge was begun")
    cast.signal("service", signal.SIGSTOP)
    time.sleep(5)  # the lease of 4 s runs out while the process sleeps
    cast.signal("service", signal.SIGCONT)

    metronome.ended(workflow, "COMMITTED")

    assert captures(cast) == {workflow["workflow_id"]: CHARGED_ONCE}


@pytest.mark.slow
def test_sigterm_turns_readiness_red_finishes_the_charge_and_ends_with_0(
    cast: Players, metronome: Account
) -> None:
    long_enough_to_ask = {"EXTERNAL_GATE_SERVER__DRAIN_DELAY_SECONDS": "5"}
    service = cast.start_service(env=long_enough_to_ask)
    workflow = metronome.reach("pm_ok")
    until(lambda: captures(cast) is not None and charging(cast, workflow), "no charge was begun")

    cast.signal("service", signal.SIGTERM)
    red = httpx.get(f"{cast.service_url}/readyz", timeout=2)
    alive = httpx.get(f"{cast.service_url}/livez", timeout=2)

    assert (red.status_code, alive.status_code) == (503, 200)
    assert service.wait(timeout=20) == 0
    assert captures(cast) == {workflow["workflow_id"]: CHARGED_ONCE}
    cast.start_service()
    metronome.ended(workflow, "COMMITTED")
    assert captures(cast) == {workflow["workflow_id"]: CHARGED_ONCE}


INITIATE = "FROM notifications WHERE type = 'payment_gate.external_initiate'"
WAITING = f"""
INSERT INTO inbox (body, signed_at, received_at) SELECT body, signed_at, received_at {INITIATE}
"""
"""As a rush leaves it that has just ended."""


@pytest.mark.slow
def test_stopped_with_deliveries_in_the_inbox_it_records_them_first(
    cast: Players, metronome: Account, by_hand: ByHand
) -> None:
    never = {"EXTERNAL_GATE_WORKER__POLL_SECONDS": "3600"}  # but for the stop nobody would look
    serving = ("-m", "external_gate", "serve", "--no-worker", *cast.with_config)
    service = cast.start("service", *serving, env=never)
    until(lambda: answers(f"{cast.service_url}/readyz"), "no service")
    metronome.reach("pm_ok")
    until(lambda: by_hand(f"SELECT 1 {INITIATE}"), "nothing was delivered")
    by_hand(WAITING)
    assert by_hand("SELECT count(*) FROM inbox") == [(1,)]

    cast.signal("service", signal.SIGTERM)

    assert service.wait(timeout=20) == 0
    assert by_hand("SELECT count(*) FROM inbox") == [(0,)]
    assert by_hand(f"SELECT deliveries {INITIATE}") == [(2,)]


def charging(cast: Players, workflow: Json) -> bool:
    shown = cast.command("workflows", "show", workflow["workflow_id"], "--json").stdout
    return '"state": "received"' not in shown and '"state"' in shown


@only_sqlite("any number of services share a schema: test_replicas.py", fixture="store")
def test_a_second_service_on_the_same_file_is_refused(cast: Players) -> None:
    cast.start_service()
    other = cast.config.with_name("other.toml")
    text = cast.config.read_text().replace(f"port = {cast.service_port}", "port = 0")
    other.write_text(text)

    second = cast.start("second", "-m", "external_gate", "serve", "--config", str(other))

    assert second.wait(timeout=20) == 2
    assert "gate.db" in cast.log("second")
    assert answers(f"{cast.service_url}/readyz")


def test_a_database_newer_than_the_code_is_refused(cast: Players, by_hand: ByHand) -> None:
    cast.start_service()
    cast.kill("service")
    # Two, because one alone may be a rolling deploy's.
    by_hand("INSERT INTO migrations VALUES (9998, 'tomorrow', 'x', 0), (9999, 'later', 'x', 0)")

    again = cast.start_service(wait=False)

    assert again.wait(timeout=20) == 2
    assert "newer" in cast.log("service")


@only_sqlite("it ends before any database is opened", fixture="store")
def test_a_taken_port_is_wrong_configuration(cast: Players) -> None:
    cast.start_service()
    other = cast.config.with_name("other.toml")
    other.write_text(cast.config.read_text().replace("gate.db", "other.db"))

    second = cast.start("second", "-m", "external_gate", "serve", "--config", str(other))

    assert second.wait(timeout=20) == 2
    assert "server.port" in cast.log("second")


@pytest.mark.slow
@only_sqlite("of a schema that was put back a person tells: cli/test_db.py", fixture="store")
def test_a_restored_older_database_charges_nobody_again(cast: Players, metronome: Account) -> None:
    """The copy was taken while the workflow waited; the charge happened afterwards."""
    cast.write_config(more="[guards]\npaused = true")
    cast.start_service()
    workflow = metronome.reach("pm_ok")
    until(
        lambda: (
            '"state": "ready"'
            in cast.command("workflows", "show", workflow["workflow_id"], "--json").stdout
        ),
        "the workflow does not wait for the switch",
    )
    cast.kill("service")
    copy = cast.folder / "backup"
    copy.mkdir()
    for name in ("gate.db", "gate.db-wal"):
        if (cast.folder / name).exists():
            shutil.copy2(cast.folder / name, copy / name)
    cast.write_config()
    cast.start_service()
    cast.command("workflows", "hold", workflow["workflow_id"], "--as", "me", "--reason", "now")
    cast.command("workflows", "retry", workflow["workflow_id"], "--as", "me", "--reason", "now")
    metronome.control("faults", on="release", kind="drop_before", times=1000)
    until(lambda: captures(cast).get(workflow["workflow_id"]), "nothing was charged")
    mark = cast.folder / "gate.db.heartbeat"
    charged_at = mark.read_text()
    until(lambda: mark.read_text() != charged_at, "no heartbeat followed the charge")
    cast.kill("service")

    for name in ("gate.db", "gate.db-wal", "gate.db-shm"):
        (cast.folder / name).unlink(missing_ok=True)
        if (copy / name).exists():
            shutil.copy2(copy / name, cast.folder / name)
    httpx.delete(
        f"{cast.emulator_url}/_emulator/faults", headers={"Authorization": "Bearer story-token"}
    ).raise_for_status()
    cast.start_service()
    cast.command("workflows", "hold", workflow["workflow_id"], "--as", "me", "--reason", "now")
    cast.command("workflows", "retry", workflow["workflow_id"], "--as", "me", "--reason", "now")

    metronome.ended(workflow, "COMMITTED")
    assert captures(cast) == {workflow["workflow_id"]: CHARGED_ONCE}
    assert "restored" in cast.log("service")
