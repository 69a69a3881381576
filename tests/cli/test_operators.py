"""`operators token`: a token that is shown once, and the lines that let it in."""

import tomllib

from click.testing import CliRunner

from external_gate.cli.main import cli
from external_gate.settings.model import Operator, Role
from external_gate.web.bearer import Bearers


def test_printed_lines_let_exactly_the_printed_token_in() -> None:
    result = CliRunner().invoke(cli, ["operators", "token", "shop", "--role", "admin"])

    assert result.exit_code == 0
    lines = result.stderr.partition("\n\n")[2]
    people = {
        name: Operator.model_validate(told)
        for name, told in tomllib.loads(lines)["operators"].items()
    }
    token = result.stdout.strip()
    caller = Bearers(people).caller({"authorization": f"Bearer {token}"})
    assert caller is not None
    assert (caller.name, caller.role) == ("shop", Role.ADMIN)
    assert Bearers(people).caller({"authorization": f"Bearer {token}x"}) is None
    assert token not in result.stderr


def test_no_token_is_made_twice() -> None:
    made = {CliRunner().invoke(cli, ["operators", "token", "a"]).stdout for _ in range(9)}

    assert len(made) == 9


def test_name_that_no_configuration_takes_is_refused() -> None:
    result = CliRunner().invoke(cli, ["operators", "token", "My Shop"])

    assert (result.exit_code, result.stdout) == (2, "")
