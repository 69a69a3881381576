"""What comes from outside is shown, and does nothing."""

import json
import shlex

import pytest

from external_gate.cli.showing import as_json, painted, pasteable, safe, table


@pytest.mark.parametrize(
    ("outside", "shown"),
    [
        ("Müller 東京 €", "Müller 東京 €"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x9b2J\x7f\x00", "\\x9b2J\\x7f\\x00"),
        ("\u202egnp.exe\u200b", "\\u202egnp.exe\\u200b"),
        ("\ud800", "\\ud800"),
    ],
)
def test_only_what_prints_is_printed(outside: str, shown: str) -> None:
    assert safe(outside) == shown
    assert safe(outside).isprintable()


@pytest.mark.parametrize("outside", ["w-1", "x; rm -rf $HOME", "it's", "--all", ""])
def test_id_stays_one_word_of_a_command(outside: str) -> None:
    assert shlex.split(f"show {pasteable(outside)}") == ["show", outside]


def test_table_lines_up_and_leaves_no_blanks_at_the_end() -> None:
    lines = list(table(("ID", "STATE"), [("long-id", "held"), ("x\n", "")]))

    assert lines == ["ID       STATE", "long-id  held", "x\\n"]


def test_json_is_ascii_and_exact() -> None:
    told = {"text": "ü\x1b\u202e", "number": 2**53 + 1}

    assert as_json(told).isascii()
    assert json.loads(as_json(told)) == told


@pytest.mark.parametrize(("no_color", "shown"), [("1", "x"), ("", "\x1b[31mx\x1b[0m")])
def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch, no_color: str, shown: str) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)

    assert painted("x", "red") == shown
