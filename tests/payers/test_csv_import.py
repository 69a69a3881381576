"""A table of payers as CSV: all of it, or everything that is wrong with it."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_gate.domain.charge import Payer
from external_gate.payers.csv_import import COLUMNS, CsvFaulty, read_payers

HEADER = "customer_id,customer,payment_method,gateway\n"


def faults(text: str) -> list[str]:
    with pytest.raises(CsvFaulty) as caught:
        read_payers(text)
    assert str(caught.value) == "\n".join(map(str, caught.value.faults))
    return [str(fault) for fault in caught.value.faults]


def test_rows_become_payers() -> None:
    text = HEADER + 'a,cus_1,pm_1,second\n b , "cus 2", ,\n\n , ,,\n"c","cus ""3""",,\n'

    assert read_payers(text) == {
        "a": Payer("cus_1", "pm_1", "second"),
        "b": Payer("cus 2", ""),
        "c": Payer('cus "3"', ""),
    }


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_files_of_every_system_are_read(newline: str) -> None:
    text = newline.join(["\ufeffcustomer_id,customer", "a,cus_1", "b,cus_2"])

    assert read_payers(text) == {"a": Payer("cus_1", ""), "b": Payer("cus_2", "")}


def test_columns_may_stand_in_any_order() -> None:
    assert read_payers("gateway,customer,customer_id\nmain,cus_1,a") == {
        "a": Payer("cus_1", "", "main")
    }


def test_header_alone_is_an_empty_table() -> None:
    assert read_payers(HEADER) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["line 1: the column customer_id is missing", "line 1: the column customer is"]),
        ("a,cus_1\n", ["line 1: the column customer_id", "line 1: the column customer", "line 1"]),
        ("customer_id;customer\na;b\n", ["line 1", "line 1", "line 1: there are columns"]),
        ("\n\ncustomer_id,customer,customer\n", ["line 3: the column customer stands twice"]),
        ("customer_id,customer,card_number\n", ["line 1: there are columns that are not ours"]),
        ("customer_id,customer,\na,b,\n", ["line 1: there are columns that are not ours"]),
    ],
)
def test_other_headers_are_refused(text: str, said: list[str]) -> None:
    found = faults(text)

    assert len(found) == len(said)
    for fault, beginning in zip(found, said, strict=True):
        assert fault.startswith(beginning)
        assert fault.endswith("the first line is customer_id,customer,payment_method,gateway")


def test_all_faults_are_named_at_once_in_order() -> None:
    text = (
        HEADER
        + "a,cus_1,,\n"
        + ",cus_2,,\n"
        + "b,,,\n"
        + "c,cus_3\n"
        + "d,cus_4,,,,\n"
        + 'e,"cus"_5,,\n'
        + "a,cus_6,,\n"
        + 'f,"cus\n7",,\n'
        + 'h,"cus_8" ,,\n'
        + f"g,{'x' * 256},,\n"
    )

    assert faults(text) == [
        "line 3: customer_id is empty",
        "line 4: customer is empty",
        "line 5: has 2 values for 4 columns",
        "line 6: has 6 values for 4 columns",
        "line 7: cannot be read: ',' expected after '\"'",
        "line 8: customer_id a stands on line 2 already",
        "line 9: customer has characters that cannot be printed",
        "line 11: cannot be read: ',' expected after '\"'",
        "line 12: customer is longer than 255 characters",
    ]


def test_quote_that_never_ends_is_named_where_it_begins() -> None:
    assert faults(HEADER + 'a,cus_1,,\nb,"cus_2,,\nc,cus_3,,\n') == [
        "line 3: cannot be read: unexpected end of data"
    ]


def test_unreadable_header_is_one_fault() -> None:
    assert len(faults('"customer_id"x,customer\na,cus_1\n')) == 1


def test_faults_do_not_repeat_what_may_be_secret() -> None:
    said = "\n".join(faults("customer_id,customer,4242424242424242\n"))

    assert "4242" not in said


@given(st.text(st.characters() | st.sampled_from('",\n\r;'), max_size=200))
def test_no_text_crashes_the_reader(rows: str) -> None:
    for text in (rows, HEADER + rows):
        try:
            payers = read_payers(text)
        except CsvFaulty as faulty:
            assert faulty.faults  # noqa: PT017 # either way out is right
        else:
            assert all(payer.customer.isprintable() for payer in payers.values())


ids = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=50)


@given(st.dictionaries(ids, st.tuples(ids, ids | st.just(""), ids | st.just(""))))
def test_every_proper_table_reads_back(table: dict[str, tuple[str, str, str]]) -> None:
    written = io.StringIO()
    rows = [(customer_id, *payer) for customer_id, payer in table.items()]
    csv.writer(written).writerows([COLUMNS, *rows])

    assert read_payers(written.getvalue()) == {
        customer_id: Payer(customer, method, gateway or None)
        for customer_id, (customer, method, gateway) in table.items()
    }
