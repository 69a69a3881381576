"""`external-gate payers` as people call it: answers, what is left in the table, exit codes."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner, Result

from external_gate.cli.payers import payers
from external_gate.domain.charge import Payer
from external_gate.domain.errors import Broken, GateError, Refused, Unavailable
from external_gate.domain.identifiers import CustomerId
from external_gate.stores.store import Store


class Table:
    """The part of a store that these commands use, in memory."""

    def __init__(self) -> None:
        self.rows: dict[CustomerId, Payer] = {}
        self.opened: list[Path | None] = []
        self.closed = 0
        self.trouble: GateError | None = None

    @asynccontextmanager
    async def open(self, config_path: Path | None) -> AsyncIterator[Store]:
        self.opened.append(config_path)
        if self.trouble is not None:
            raise self.trouble
        try:
            yield cast("Store", self)
        finally:
            self.closed += 1

    async def payers(
        self, *, limit: int, after: CustomerId | None = None
    ) -> Sequence[tuple[CustomerId, Payer]]:
        return [row for row in sorted(self.rows.items()) if after is None or row[0] > after][:limit]

    async def put_payers(self, payers: Mapping[CustomerId, Payer]) -> None:
        self.rows.update(payers)

    async def remove_payer(self, customer_id: CustomerId) -> bool:
        return self.rows.pop(customer_id, None) is not None


@pytest.fixture
def table() -> Table:
    return Table()


def run(table: Table, *arguments: str, typed: str | bytes | None = None) -> Result:
    result = CliRunner().invoke(payers, list(arguments), obj=table.open, input=typed)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert table.closed == len(table.opened) or table.trouble is not None
    return result


def test_set_then_list(table: Table) -> None:
    first = run(table, "set", " a ", "--customer", "cus_1")
    second = run(
        table, "set", "b", "--customer", "cus_2", "--payment-method", "pm_2", "--gateway", "second"
    )

    listed = run(table, "list")

    assert (first.exit_code, second.exit_code, listed.exit_code) == (0, 0, 0)
    assert listed.stdout.splitlines() == [
        "customer_id=a  customer=cus_1",
        "customer_id=b  customer=cus_2  payment_method=pm_2  gateway=second",
    ]


def test_list_as_json_has_every_row_of_every_page(table: Table) -> None:
    table.rows = {CustomerId(f"{n:04}"): Payer(f"cus_{n}", "") for n in range(1203)}

    listed = json.loads(run(table, "list", "--json").stdout)

    assert len(listed) == 1203
    assert listed[7] == {
        "customer_id": "0007",
        "customer": "cus_7",
        "payment_method": "",
        "gateway": None,
    }


def test_empty_table_is_no_error(table: Table) -> None:
    assert json.loads(run(table, "list", "--json").stdout) == []
    assert run(table, "list").stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["set", " ", "--customer", "cus_1"],
        ["set", "a", "--customer", " "],
        ["set", "a", "--customer", "a\nb"],
        ["set", "a"],
        ["set"],
        ["remove"],
        ["import"],
        ["import", "there-is-no-such-file.csv"],
        ["list", "--nonsense"],
    ],
)
def test_wrong_use_leaves_with_2_before_anything_is_opened(
    table: Table, arguments: list[str]
) -> None:
    result = run(table, *arguments)

    assert result.exit_code == 2
    assert result.stderr
    assert table.opened == []


def test_remove(table: Table) -> None:
    table.rows = {CustomerId("a"): Payer("cus_1", "")}

    assert run(table, "remove", "a").exit_code == 0
    assert table.rows == {}
    again = run(table, "remove", "a")
    assert again.exit_code == 1
    assert "a has no payer" in again.stderr


def test_import_sets_what_the_file_says_and_keeps_the_rest(table: Table, tmp_path: Path) -> None:
    table.rows = {CustomerId("a"): Payer("old", ""), CustomerId("b"): Payer("kept", "")}
    file = tmp_path / "payers.csv"
    file.write_bytes("\ufeffcustomer_id,customer,payment_method\r\na,cus_1,pm_1\r\n".encode())

    result = run(table, "import", str(file))

    assert result.exit_code == 0
    assert result.stdout == "set 1 payers\n"
    assert table.rows == {"a": Payer("cus_1", "pm_1"), "b": Payer("kept", "")}


def test_import_reads_standard_input(table: Table) -> None:
    assert run(table, "import", "-", typed="customer_id,customer\na,cus_1\n").exit_code == 0
    assert table.rows == {"a": Payer("cus_1", "")}


def test_import_of_a_faulty_file_changes_nothing_and_names_every_line(table: Table) -> None:
    result = run(table, "import", "-", typed="customer_id,customer\na,cus_1\nb,\na,cus_2\n")

    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "line 3: customer is empty",
        "line 4: customer_id a stands on line 2 already",
    ]
    assert table.rows == {}


def test_import_of_no_utf_8_is_wrong_use(table: Table) -> None:
    result = run(table, "import", "-", typed="customer_id,customer\nä,1\n".encode("latin-1"))

    assert result.exit_code == 2
    assert "UTF-8" in result.stderr


@pytest.mark.parametrize(
    ("trouble", "exit_code"), [(Unavailable("down"), 3), (Broken("newer"), 2), (Refused("no"), 1)]
)
@pytest.mark.parametrize(
    "arguments", [["list"], ["set", "a", "--customer", "c"], ["remove", "a"], ["import", "-"]]
)
def test_trouble_of_the_store_has_its_exit_code(
    table: Table, trouble: GateError, exit_code: int, arguments: list[str]
) -> None:
    table.trouble = trouble

    result = run(table, *arguments, typed="customer_id,customer\na,cus_1\n")

    assert result.exit_code == exit_code
    assert result.stderr == f"{trouble}\n"


def test_configuration_is_handed_on(table: Table, tmp_path: Path) -> None:
    run(table, "list", "--config", str(tmp_path / "gate.toml"))
    run(table, "remove", "a")

    assert table.opened == [tmp_path / "gate.toml", None]


@pytest.mark.parametrize("command", ["list", "set", "remove", "import"])
def test_help_shows_an_example(table: Table, command: str) -> None:
    shown = run(table, command, "--help").stdout

    assert f"Example:\n    external-gate payers {command}" in shown
    assert "--config" in shown
