"""`external-gate doctor` on whole configurations: what it finds and leaves alone, how it ends."""

import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from click.testing import Result

from external_gate.emulator import EmulatorSettings, make_server
from external_gate.stores.file_lock import FileLock
from external_gate.stores.store import Store
from external_gate.testkit.store_checks.store_samples import NOW, initiate
from tests.cli.conftest import Home
from tests.databases import only_sqlite
from tests.engine.world import World

Checks = dict[str, list[tuple[str, str]]]


@pytest.fixture
def metronome(home: Home) -> Iterator[Home]:
    """Run a pretend Metronome that knows the token of the configuration."""
    server: uvicorn.Server = make_server(EmulatorSettings(port=0, token="c4n4ry-token"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    home.metronome_url = f"http://127.0.0.1:{port}"
    home.configure()
    yield home
    server.should_exit = True
    thread.join()


def made(home: Home) -> None:
    async def nothing(_world: World) -> None:
        """Only make the store."""

    home.live(nothing)


def found(result: Result) -> Checks:
    """Give level and sentence of every check, by its name."""
    checks: Checks = {}
    for check in json.loads(result.stdout)["checks"]:
        checks.setdefault(check["name"], []).append((check["level"], check["sentence"]))
    return checks


def levels(result: Result) -> dict[str, str]:
    return {name: told[0][0] for name, told in found(result).items()}


def test_everything_in_order(metronome: Home) -> None:
    made(metronome)

    result = metronome.run("doctor", "--json")

    seen = levels(result)
    of_the_database = {
        "sqlite": ["store", "disk"],
        "postgres": ["store", "postgres", "failover", "connections"],
    }
    # Whether the library or the server is new enough is not for this test to say.
    seen.pop("sqlite", None)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["ok"] is True
    assert seen == dict.fromkeys(
        ("settings", "held", "incidents", "metronome", "clock", "gateway main", "payers", "guards",
         "outbound", *of_the_database[metronome.place.name]),
        "ok",
    )  # fmt: skip
    store = {"sqlite": "wal, synchronous=FULL", "postgres": "is up to date and can be written"}
    assert store[metronome.place.name] in found(result)["store"][0][1]


def test_text_names_level_and_cure(metronome: Home) -> None:
    metronome.configure(more="[guards]\npaused = true")

    lines = metronome.run("doctor").stdout.splitlines()

    assert any(line.startswith("ok    metronome: ") for line in lines)
    assert any(line.startswith("warn  guards: no charge is sent at all") for line in lines)
    assert any(line.startswith("      cure: ") and "guards.paused" in line for line in lines)


@only_sqlite("that nothing was made is seen by a file")
def test_store_that_is_not_there_yet_is_not_made(metronome: Home) -> None:
    result = metronome.run("doctor", "--json")

    assert result.exit_code == 0
    assert "is made at the first start" in found(result)["store"][0][1]
    assert not metronome.file.exists()


def test_only_metronome_out_of_reach_ends_with_3(home: Home) -> None:
    result = home.run("doctor", "--json")

    assert result.exit_code == 3
    assert levels(result)["metronome"] == "fail"
    assert "warn" in [level for level, _ in found(result)["clock"]]  # the database has a clock too


def test_refused_token_ends_with_1_and_is_not_shown(metronome: Home) -> None:
    result = metronome.run("doctor", "--json", EXTERNAL_GATE_METRONOME__API_TOKEN="c4n4ry-secret")

    assert result.exit_code == 1
    level, sentence = found(result)["metronome"][0]
    assert (level, "refuses our token" in sentence) == ("fail", True)


def test_faulty_configuration_ends_with_2_and_every_fault(home: Home) -> None:
    home.configure(port=70_000, more="[worker]\nconcurrency = 0")

    result = home.run("doctor", "--json")

    assert result.exit_code == 2
    told = found(result)
    assert list(told) == ["settings"]
    assert len(told["settings"]) == 2


@pytest.mark.parametrize(
    ("gateway", "named"),
    [
        ('adapter = "no-such"', "gateways.main.adapter: no adapter of that name"),
        ('adapter = "sandbox"\nbook = "typo"', "gateways.main.book"),
        ('adapter = "sandbox"\nbooks = "/there/is/none.db"', "the folder /there/is is not there"),
    ],
)
def test_unusable_gateway_ends_with_2_and_the_rest_is_looked_at(
    metronome: Home, gateway: str, named: str
) -> None:
    metronome.configure(gateway=gateway)

    result = metronome.run("doctor", "--json")

    assert result.exit_code == 2
    level, sentence = found(result)["gateway main"][0]
    assert level == "fail"
    assert named in sentence
    assert levels(result)["metronome"] == "ok"


@only_sqlite("calls know nothing of the database")
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "calls are made directly, over sockets of our own"),
        ("trust_env = true", "calls are made by httpx"),
        ('transport = "httpx"', "calls are made by httpx"),
    ],
)
def test_way_out_is_told(metronome: Home, line: str, told: str) -> None:
    metronome.configure(more=f"[outbound]\n{line}")

    assert found(metronome.run("doctor", "--json"))["outbound"] == [("ok", told)]


@only_sqlite("calls know nothing of the database")
def test_certificate_that_is_not_there_ends_with_2(metronome: Home) -> None:
    metronome.configure(more='[outbound]\ncertificate = "/there/is/none.pem"')

    result = metronome.run("doctor", "--json")

    assert result.exit_code == 2
    assert "/there/is/none.pem" in found(result)["outbound"][0][1]


def test_unknown_payer_source_ends_with_2(metronome: Home) -> None:
    metronome.configure(more='[payers]\nsource = "oracle"')

    result = metronome.run("doctor", "--json")

    assert result.exit_code == 2
    assert 'payers.source = "oracle" is not installed' in found(result)["payers"][0][1]


def test_empty_table_of_payers_is_a_warning(metronome: Home) -> None:
    made(metronome)
    metronome.configure(more='[payers]\nsource = "table"')

    result = metronome.run("doctor", "--json")

    assert result.exit_code == 0
    assert ("warn", "the table of payers is empty: every workflow will be held") in found(result)[
        "payers"
    ]


def test_switches_that_keep_charges_back_are_warnings(metronome: Home) -> None:
    metronome.configure(more='[guards]\nshadow = true\npaused_gateways = ["main"]')

    told = found(metronome.run("doctor", "--json"))["guards"]

    assert [level for level, _ in told] == ["warn", "warn"]
    assert "nothing is sent to gateway main" in told[0][1]
    assert "shadow mode is on" in told[1][1]


def test_what_waits_for_people_is_counted(metronome: Home) -> None:
    async def trouble(world: World) -> None:
        world.payers.exceptions["poor"] = None
        await world.receive("one", customer_id="poor")
        await world.receive("two", customer_id="poor")
        await world.receive("twice")
        await world.work()
        await world.receive("twice", total="1600")

    metronome.live(trouble)

    result = metronome.run("doctor", "--json")

    assert result.exit_code == 0
    assert found(result)["held"] == [("warn", "2 held for a person: 2 no_payer")]
    assert found(result)["incidents"] == [("warn", "1 on record: 1 conflicting_notification")]


def test_what_no_service_has_recorded_yet_is_a_warning(metronome: Home) -> None:
    async def rush(store: Store) -> None:
        store.rush_at = 1  # type: ignore[attr-defined]  # of ours, on both databases
        await store.record(initiate())

    metronome.with_store(rush)

    ((level, said),) = found(metronome.run("doctor", "--json"))["inbox"]

    assert level == "warn"
    assert said.endswith(f"not recorded yet: 1, the oldest since {NOW.isoformat()}")


def test_database_newer_than_the_code_ends_with_2(metronome: Home) -> None:
    made(metronome)
    metronome.place.by_hand(  # one alone may be a rolling deploy's
        "INSERT INTO migrations VALUES (98, '0098_later', 'x', 0), (99, '0099_later', 'x', 0)"
    )

    result = metronome.run("doctor", "--json")

    assert result.exit_code == 2
    assert "newer than this version" in found(result)["store"][0][1]


@only_sqlite("of a schema tests/stores/test_postgres_schema.py says so")
def test_database_of_something_else_is_left_as_it_is(metronome: Home) -> None:
    with sqlite3.connect(metronome.file) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    before = metronome.file.read_bytes()

    result = metronome.run("doctor", "--json")

    assert result.exit_code == 2
    assert "belongs to something else" in found(result)["store"][0][1]
    assert metronome.file.read_bytes() == before


@only_sqlite("nobody can lock PostgreSQL against the questions of doctor")
def test_locked_database_ends_with_3(metronome: Home) -> None:
    made(metronome)
    connection = sqlite3.connect(metronome.file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = metronome.run("doctor", "--json")
    finally:
        connection.close()

    assert result.exit_code == 3
    assert "locked" in found(result)["store"][0][1]


@only_sqlite("a server has no folder of ours")
def test_folder_that_is_not_there_ends_with_2(metronome: Home) -> None:
    result = metronome.run("doctor", "--json", EXTERNAL_GATE_STORE__URL="sqlite:////no/where/x.db")

    assert result.exit_code == 2
    assert "create the directory /no/where first" in found(result)["store"][0][1]


def test_server_that_is_away_ends_with_3_and_hides_its_password(metronome: Home) -> None:
    with socket.socket() as taken:  # bound, and not listened on
        taken.bind(("127.0.0.1", 0))
        url = f"postgresql://gate:c4n4ry-secret@127.0.0.1:{taken.getsockname()[1]}/gate"

        result = metronome.run("doctor", "--json", EXTERNAL_GATE_STORE__URL=url)

    assert result.exit_code == 3
    assert levels(result)["store"] == "fail"
    assert "c4n4ry" not in result.output


@only_sqlite("only a file has one serving process")
def test_doctor_works_beside_a_serving_process(metronome: Home) -> None:
    made(metronome)
    lock = FileLock(metronome.file.with_name("gate.db.lock"))
    lock.acquire()  # as a service does for as long as it runs
    try:
        assert metronome.run("doctor").exit_code == 0
    finally:
        lock.release()


def test_ignored_names_are_told(metronome: Home) -> None:
    result = metronome.run("doctor", "--json", EXTERNAL_GATE_PORT="tcp://10.0.0.1:80")

    assert ("warn", "ignored, because a name of ours has __ in it: EXTERNAL_GATE_PORT") in found(
        result
    )["settings"]


def test_help_shows_an_example(home: Home) -> None:
    assert "Example:\n    external-gate doctor " in home.run("doctor", "--help").stdout


def test_path_of_the_file_is_shown(metronome: Home, tmp_path: Path) -> None:
    assert found(metronome.run("doctor", "--json"))["settings"] == [
        ("ok", str(tmp_path / "gate.toml"))
    ]
