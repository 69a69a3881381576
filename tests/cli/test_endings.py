"""Every error of ours has its exit code, once for all commands."""

import pytest

from external_gate.cli.endings import endings, leave, tell_faults
from external_gate.domain.errors import (
    BadInput,
    Broken,
    GateError,
    LeaseLost,
    Refused,
    Unavailable,
)
from external_gate.settings import Fault, SettingsFaulty

FAULTS = [Fault("server.port", "is no number", "write one"), Fault("gateways", "there is none", "")]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadInput("wrong"), 2),
        (Broken("wrong"), 2),
        (Refused("wrong"), 1),
        (LeaseLost("wrong"), 1),
        (Unavailable("wrong"), 3),
        (GateError("wrong"), 2),
    ],
)
def test_error_ends_the_command(
    error: GateError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, endings():
        raise error

    assert ended.value.code == code
    assert capsys.readouterr() == ("", "wrong\n")


def test_refusal_names_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), endings(when_refused="see: that"):
        raise Refused("no")
    with pytest.raises(SystemExit), endings(when_refused="see: that"):
        raise Unavailable("down")

    assert capsys.readouterr().err == "no\nsee: that\ndown\n"


def test_faults_of_the_configuration_come_all_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, endings():
        raise SettingsFaulty(FAULTS)

    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "The configuration has 2 faults:",
        "  server.port: is no number. Cure: write one",
        "  gateways: there is none. Cure: ",
    ]


def test_one_fault_is_not_two(capsys: pytest.CaptureFixture[str]) -> None:
    tell_faults(FAULTS[:1])

    assert capsys.readouterr().err.startswith("The configuration has 1 fault:\n")


def test_what_is_not_ours_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), endings():
        _ = 1 / 0


def test_leave_keeps_standard_output_clean(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        leave("because", 1)

    assert ended.value.code == 1
    assert capsys.readouterr() == ("", "because\n")
