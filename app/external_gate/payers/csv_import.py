"""A table of payers as CSV: from text to payers, or to everything that is wrong with it. Pure.

The first line names the columns: customer_id and customer, and if wanted payment_method and
gateway, in any order, separated by commas.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from external_gate.domain.charge import Payer
from external_gate.domain.errors import BadInput
from external_gate.domain.identifiers import CustomerId
from external_gate.payers.payer_source import LONGEST_TEXT, checked_payer

REQUIRED = ("customer_id", "customer")
COLUMNS = (*REQUIRED, "payment_method", "gateway")


@dataclass(frozen=True, slots=True)
class LineFault:
    """What is wrong with one line; repeats nothing of it but a customer id."""

    line: int
    """Counted from 1, as editors do; where the row begins."""
    wrong: str

    def __str__(self) -> str:
        """Write it on one line: `line 3: customer is empty`."""
        return f"line {self.line}: {self.wrong}"


class CsvFaulty(BadInput):
    """The file was not taken; `faults` holds everything that is wrong, in order of lines."""

    def __init__(self, faults: Sequence[LineFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def read_payers(text: str) -> dict[CustomerId, Payer]:
    """Give the payer of every row. Blank lines and a byte order mark are let through.

    Raises `CsvFaulty` with all faults: then nothing of the file should be used.
    """
    faults: list[LineFault] = []
    rows = _rows(text.removeprefix("\ufeff"), faults)
    header = next(rows, None)
    # A first line that cannot even be read is fault enough; the next one is not the header.
    columns = None if faults else _columns(header, faults)
    payers = {} if columns is None else _payers(rows, columns, faults)
    if faults:
        raise CsvFaulty(sorted(faults, key=lambda fault: fault.line))
    return payers


def checked_customer_id(text: str) -> CustomerId:
    """Give a Metronome customer's id as a text from outside names it. Raises `BadInput`."""
    trimmed = text.strip()
    if not trimmed:
        raise BadInput("customer_id is empty")
    if len(trimmed) > LONGEST_TEXT or not trimmed.isprintable():
        raise BadInput("customer_id is too long or has characters that cannot be printed")
    return CustomerId(trimmed)


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: list[str]


def _rows(text: str, faults: list[LineFault]) -> Iterator[_Row]:
    """Give every row that is not blank; what cannot be taken apart is a fault."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            faults.append(LineFault(line, f"cannot be read: {error}"))
            continue
        if any(cells):
            yield _Row(line, cells)


def _columns(header: _Row | None, faults: list[LineFault]) -> list[str] | None:
    """Give the names of the columns; None, and faults, when they are not ours."""
    named = header.cells if header else []
    line = header.line if header else 1
    wrong = [f"the column {name} is missing" for name in REQUIRED if name not in named]
    wrong += [f"the column {name} stands twice" for name in COLUMNS if named.count(name) > 1]
    if set(named) - set(COLUMNS):
        wrong.append("there are columns that are not ours")
    cure = f"; the first line is {','.join(COLUMNS)}"
    faults.extend(LineFault(line, each + cure) for each in wrong)
    return None if wrong else named


def _payers(
    rows: Iterator[_Row], columns: Sequence[str], faults: list[LineFault]
) -> dict[CustomerId, Payer]:
    payers: dict[CustomerId, Payer] = {}
    first_lines: dict[CustomerId, int] = {}
    for row in rows:
        try:
            customer_id, payer = _payer(row.cells, columns)
        except BadInput as error:
            faults.append(LineFault(row.line, str(error)))
            continue
        if customer_id in payers:
            wrong = f"customer_id {customer_id} stands on line {first_lines[customer_id]} already"
            faults.append(LineFault(row.line, wrong))
            continue
        payers[customer_id] = payer
        first_lines[customer_id] = row.line
    return payers


def _payer(cells: Sequence[str], columns: Sequence[str]) -> tuple[CustomerId, Payer]:
    if len(cells) != len(columns):
        raise BadInput(f"has {len(cells)} values for {len(columns)} columns")
    row: Mapping[str, str] = dict(zip(columns, cells, strict=True))
    customer_id = checked_customer_id(row["customer_id"])
    payer = checked_payer(
        customer=row["customer"],
        payment_method=row.get("payment_method", ""),
        gateway=row.get("gateway", ""),
    )
    return customer_id, payer
