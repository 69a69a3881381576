"""`external-gate db copy`: what it says, and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from external_gate.stores.file_lock import FileLock
from external_gate.testkit.store_checks.store_samples import W1, charging
from tests.cli.conftest import Home
from tests.databases import Database, SqliteFile
from tests.throwaway_postgres import Cluster


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Give a file: a file is what is copied."""
    return SqliteFile(tmp_path / "gate.db")


@pytest.fixture
def there(postgres: Cluster, namespace: str) -> tuple[str, ...]:
    """Give the options that name the schema to move to."""
    return "--to", postgres.url, "--namespace", namespace


@pytest.fixture
def lived(home: Home) -> Home:
    """Give a home with a charge on the wire."""
    home.with_store(charging)
    return home


def test_copy_moves_what_the_configuration_names(lived: Home, there: tuple[str, ...]) -> None:
    result = lived.run("db", "copy", *there)

    assert result.exit_code == 0
    assert "workflows          1  " in result.stdout
    assert f"Every row of {lived.file} is the same in postgres at" in result.stdout
    assert "name the schema in store.url and start" in result.stdout
    assert "copied attempts: 1 of 1\n" in result.stderr
    assert "compared attempts: 1 of 1\n" in result.stderr


def test_copy_takes_the_target_from_the_configuration(
    lived: Home, postgres: Cluster, namespace: str
) -> None:
    source = f"sqlite:///{lived.file}"
    configured: dict[str, Any] = {
        "EXTERNAL_GATE_STORE__URL": postgres.url,
        "EXTERNAL_GATE_STORE__NAMESPACE": namespace,
    }

    result = lived.run("db", "copy", "--from", source, "--json", **configured)
    shown = lived.run("workflows", "show", W1, "--json", **configured)

    told = json.loads(result.stdout)
    assert {table["name"]: table["rows"] for table in told["tables"]}["workflows"] == 1
    assert told["handed_over"]
    assert told["target"].endswith(f"(schema {namespace})")
    assert json.loads(shown.stdout)["state"] == "charging"


def test_moved_file_is_refused_by_every_command(lived: Home, there: tuple[str, ...]) -> None:
    lived.run("db", "copy", *there)

    for command in (("workflows", "list"), ("db", "restored"), ("serve",)):
        result = lived.run(*command)

        assert result.exit_code == 2
        assert "was moved to postgres at" in result.stderr
    assert "was moved to" in lived.run("doctor").output


def test_finished_copy_is_verified_and_not_repeated(lived: Home, there: tuple[str, ...]) -> None:
    lived.run("db", "copy", *there)

    again = lived.run("db", "copy", *there)
    verified = lived.run("db", "copy", "--verify", *there)

    assert again.stdout.endswith("already: nothing to do.\n")
    assert "Every row of" in verified.stdout
    assert (again.exit_code, verified.exit_code) == (0, 0)


def test_verify_without_a_copy_ends_with_1(lived: Home, there: tuple[str, ...]) -> None:
    result = lived.run("db", "copy", "--verify", *there)

    assert result.exit_code == 1
    assert "was not copied yet: copy first" in result.stderr


def test_taken_back_the_file_is_served_again(lived: Home, there: tuple[str, ...]) -> None:
    lived.run("db", "copy", *there)

    result = lived.run("db", "copy", "--take-back")

    assert result.exit_code == 0
    assert "1 workflow marked: the next send of each begins with a lookup." in result.stdout
    assert lived.run("workflows", "show", W1).exit_code == 0
    assert lived.run("db", "copy", "--take-back").exit_code == 1


def test_schema_in_use_ends_with_1(lived: Home, there: tuple[str, ...]) -> None:
    lived.run("db", "copy", *there)
    lived.run("db", "copy", "--take-back")

    result = lived.run("db", "copy", *there)

    assert result.exit_code == 1
    assert "is in use already" in result.stderr


def test_running_service_ends_with_2(lived: Home, there: tuple[str, ...]) -> None:
    service = FileLock(lived.file.with_name("gate.db.lock"))
    service.acquire()

    result = lived.run("db", "copy", *there)

    service.release()
    assert result.exit_code == 2
    assert "already serves or works on this database" in result.stderr


def test_postgres_that_is_away_ends_with_3_and_the_way_on(lived: Home) -> None:
    url = "postgresql://gate:c4n4ry-secret@127.0.0.1:1/gate"

    result = lived.run("db", "copy", "--to", url)

    assert result.exit_code == 3
    assert "Run the same command again" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--to postgresql://user@host/database"),
        (("--to", "sqlite:///other.db"), "--to postgresql://user@host/database"),
        (("--to", "postgresql://a", "--namespace", "No!"), "is no name for a schema"),
        (("--from", "postgresql://gate:c4n4ry-secret@db/gate"), "write sqlite:///"),
        (("--from", "sqlite:///nothing.db", "--to", "postgresql://a"), "there is no database"),
        (("--verify", "--take-back"), "exclude each other"),
    ],
)
def test_wrong_use_ends_with_2(lived: Home, arguments: tuple[str, ...], words: str) -> None:
    result = lived.run("db", "copy", *arguments)

    assert result.exit_code == 2
    assert words in result.stderr


def test_nothing_to_move_is_told_where_postgres_is_configured(home: Home) -> None:
    result = home.run("db", "copy", EXTERNAL_GATE_STORE__URL="postgresql://gate@127.0.0.1:1/gate")

    assert result.exit_code == 2
    assert "say with --from sqlite:///…" in result.stderr
