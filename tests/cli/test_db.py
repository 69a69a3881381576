"""`external-gate db migrate` on both databases, and `doctor` on PostgreSQL."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from external_gate.cli.checks_postgres import postgres_checks
from external_gate.cli.checkup import Level
from external_gate.stores.postgres_address import address_of
from external_gate.stores.postgres_checkup import examine
from external_gate.stores.postgres_findings import PostgresFindings
from external_gate.stores.postgres_schema import migrate
from external_gate.stores.schema import Migration, shipped
from external_gate.testkit.store_checks.store_samples import W1, begun
from tests.cli.conftest import Home
from tests.databases import Database, SqliteFile
from tests.throwaway_postgres import Cluster


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Give a file: each test names its databases itself."""
    return SqliteFile(tmp_path / "gate.db")


NAMES = [step.name for step in shipped("postgres")]


@pytest.fixture(params=["sqlite", "postgres"])
def environment(request: pytest.FixtureRequest, home: Home) -> dict[str, Any]:
    """Give the environment of each database; it does not exist yet."""
    if request.param == "sqlite":
        return {}
    postgres: Cluster = request.getfixturevalue("postgres")
    return {
        "EXTERNAL_GATE_STORE__URL": postgres.url,
        "EXTERNAL_GATE_STORE__NAMESPACE": request.getfixturevalue("namespace"),
    }


def test_check_tells_what_is_lacking_and_changes_nothing(
    home: Home, environment: dict[str, Any]
) -> None:
    for _ in range(2):
        result = home.run("db", "migrate", "--check", **environment)

        assert result.exit_code == 1
        assert result.stdout == "".join(f"{name} is lacking\n" for name in NAMES)


def test_migrate_applies_what_is_lacking(home: Home, environment: dict[str, Any]) -> None:
    result = home.run("db", "migrate", **environment)
    again = home.run("db", "migrate", **environment)
    check = home.run("db", "migrate", "--check", **environment)

    assert (result.exit_code, again.exit_code, check.exit_code) == (0, 0, 0)
    assert result.stdout == "".join(f"{name} was applied\n" for name in NAMES)
    assert again.stdout == check.stdout == "The database is up to date.\n"


def test_commands_work_on_either_database(home: Home, environment: dict[str, Any]) -> None:
    empty = home.run("workflows", "list", "--json", **environment)
    missing = home.run("workflows", "show", "w-1", **environment)

    assert (empty.exit_code, missing.exit_code) == (0, 1)


def test_restore_is_told_by_a_person(home: Home, environment: dict[str, Any]) -> None:
    home.run("db", "migrate", **environment)

    result = home.run("db", "restored", **environment)

    assert result.exit_code == 0
    assert result.stdout.startswith("0 workflows marked")


def test_unfinished_workflows_are_marked_by_a_told_restore(home: Home) -> None:
    home.with_store(lambda store: begun(store, W1))

    result = home.run("db", "restored")

    assert result.stdout.startswith("1 workflow marked")
    dossier = home.with_store(lambda store: store.dossier(W1))
    assert dossier is not None
    assert dossier.workflow.restored_at is not None


def test_migrate_of_a_database_that_is_away_ends_with_3(home: Home) -> None:
    url = "postgresql://gate:c4n4ry-secret@127.0.0.1:1/gate"

    result = home.run("db", "migrate", EXTERNAL_GATE_STORE__URL=url)

    assert result.exit_code == 3
    assert "cannot be reached" in result.output


def test_file_with_a_namespace_is_a_fault(home: Home) -> None:
    result = home.run("db", "migrate", EXTERNAL_GATE_STORE__NAMESPACE="other")

    assert result.exit_code == 2
    assert "store.namespace" in result.output


Found = Callable[[], PostgresFindings]


@pytest.fixture
def look(postgres: Cluster, namespace: str) -> Found:
    """Look at a namespace that does not exist yet."""
    return lambda: examine(address_of(postgres.url, namespace=namespace))


def _told(found: PostgresFindings) -> dict[str, tuple[Level, str]]:
    return {check.name: (check.level, check.sentence) for check in postgres_checks(found)}


def test_doctor_finds_a_sound_database(postgres: Cluster, namespace: str, look: Found) -> None:
    before = look()
    migrate(address_of(postgres.url, namespace=namespace), shipped("postgres"))
    after = look()

    assert not before.exists
    assert "made at the first start" in _told(before)["store"][1]
    assert (after.exists, after.behind, after.writable) == (True, (), True)
    assert {level for level, _ in _told(after).values()} == {Level.OK}
    assert after.version >= 13
    assert abs(after.ahead.total_seconds()) < 1


def test_doctor_tells_a_database_that_is_behind(
    postgres: Cluster, namespace: str, look: Found
) -> None:
    migrate(address_of(postgres.url, namespace=namespace), shipped("postgres")[:1])

    level, sentence = _told(look())["store"]

    assert level is Level.WARN
    assert sentence.endswith(f"lacks {', '.join(NAMES[1:])}")


def test_doctor_accepts_a_database_one_version_ahead(
    postgres: Cluster, namespace: str, look: Found
) -> None:
    ahead = Migration(len(NAMES) + 1, "next", "CREATE TABLE colours (name text)")
    migrate(address_of(postgres.url, namespace=namespace), [*shipped("postgres"), ahead])

    assert _told(look())["store"][0] is Level.OK


def test_doctor_tells_a_standby(postgres: Cluster, namespace: str) -> None:
    url = f"{postgres.url}&options=-cdefault_transaction_read_only%3Don"

    found = examine(address_of(url, namespace=namespace))

    level, sentence = _told(found)["store"]
    assert level is Level.FAIL
    assert "read-only" in sentence


@pytest.mark.parametrize(
    ("change", "check", "level"),
    [
        ({"has_standbys": True}, "failover", Level.WARN),
        ({"has_standbys": True, "synchronous_standbys": "ANY 1 (b)"}, "failover", Level.OK),
        ({"version": 12}, "postgres", Level.FAIL),
        ({"ahead": timedelta(seconds=-3)}, "clock", Level.WARN),
        ({"connections_left": 3}, "connections", Level.WARN),
    ],
)
def test_doctor_judges(look: Found, change: dict[str, object], check: str, level: Level) -> None:
    found = replace(look(), **change)  # type: ignore[arg-type]

    assert _told(found)[check][0] is level


def test_doctor_looks_at_postgres_in_whole(home: Home, postgres: Cluster, namespace: str) -> None:
    environment: dict[str, Any] = {
        "EXTERNAL_GATE_STORE__URL": postgres.url,
        "EXTERNAL_GATE_STORE__NAMESPACE": namespace,
    }
    home.run("db", "migrate", **environment)

    result = home.run("doctor", "--json", **environment)

    checks = {check["name"]: check["level"] for check in json.loads(result.stdout)["checks"]}
    assert {"store", "postgres", "failover", "clock", "connections", "held"} <= set(checks)
    assert checks["store"] == checks["held"] == "ok"
