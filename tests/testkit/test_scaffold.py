"""The project that `gateways new` writes: safe names, clean code, and naive changes are found."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from external_gate.cli.gateway_new import new, write_plugin
from external_gate.cli.main import cli
from external_gate.domain.errors import BadInput
from external_gate.testkit.scaffolding import LONGEST_NAME, plugin_files, plugin_name

ROOT = Path(__file__).parents[2]
RUFF = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]
FOUR_FAULTS = '''
class NaiveGateway(AcmeGateway):
    """As a first adapter is often written."""

    def build(self, charge: Charge) -> bytes:
        order = json.loads(super().build(charge))
        order["amount"] = f"{charge.amount.minor / 100:.2f}"
        return json.dumps(order).encode()

    async def charge(self, request: ChargeRequest) -> Outcome:
        end = await self._send(request)
        if isinstance(end, SentUnanswered):
            end = await self._send(request)
        if isinstance(end, Answered) and end.status >= 500:
            return Declined(DeclineKind.SOFT, "gateway_error")
        return read_charge(end, request.charge.attempt_key)

    async def _send(self, request: ChargeRequest) -> CallEnd:
        call = self._call("POST", "/v1/payments", key=uuid4().hex, body=request.body)
        return await self._caller.call(replace(call, not_after=request.not_after))
'''
MORE_IMPORTS = """
from dataclasses import replace
from uuid import uuid4

from external_gate.gateways import Answered, CallEnd, Declined, DeclineKind, SentUnanswered
"""
SHOWN = "success or silence or server-error or decimals or exact or whole-life"
"""Scenarios enough for four faults; the page "Connect your gateway" plays them all."""


def generated(folder: Path, name: str = "acme") -> Path:
    """Write a project."""
    plugin = plugin_name(name)
    write_plugin(folder / plugin.distribution, plugin_files(plugin, version="0.1.0"))
    return folder / plugin.distribution


def run_in(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a Python module in a project, as its author does."""
    environ = {**os.environ, "PYTHONPATH": "src"}
    line = [sys.executable, "-m", *command]
    return subprocess.run(
        line, cwd=project, env=environ, capture_output=True, text=True, check=False
    )


def typed(*arguments: str) -> Result:
    """Run the command as it is typed."""
    return CliRunner().invoke(cli, ["gateways", "new", *arguments])


@pytest.mark.parametrize(
    ("name", "package", "class_name"),
    [
        ("acme", "acme_gateway", "AcmeGateway"),
        ("acme-pay-2", "acme_pay_2_gateway", "AcmePay2Gateway"),
        ("class", "class_gateway", "ClassGateway"),
        ("a" * LONGEST_NAME, "a" * LONGEST_NAME + "_gateway", "A" + "a" * 29 + "Gateway"),
    ],
)
def test_name_is_spelt_for_python_and_for_entry_points(
    name: str, package: str, class_name: str
) -> None:
    written = plugin_files(plugin_name(name), version="1.2.3")

    assert f"class {class_name}:" in written[f"src/{package}/adapter.py"]
    project = tomllib.loads(written["pyproject.toml"])["project"]
    assert project["name"] == f"{name}-gateway"
    assert project["dependencies"][0] == "external-gate>=1.2.3"
    assert project["entry-points"] == {
        "external_gate.gateways": {name: f"{package}.adapter:{class_name}"},
        "external_gate.rigs": {name: f"{package}.fake.rig:GatewayRig"},
    }
    left = [path for path, text in written.items() if re.search("__[A-Z]+__", path + text)]
    assert not left


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("Acme Pay", "such as acme-pay"),
        ("acme_pay", "such as acme-pay"),
        ("2pay", "such as pay"),
        ("../acme", "such as acme"),
        ("-", "beginning with a letter"),
        ("", "beginning with a letter"),
        ("größe", "such as gr"),
        ("a" * (LONGEST_NAME + 1), "at most 30 characters"),
        ("acme\n", "such as acme"),
        ("http", "comes with external-gate"),
        ("sandbox", "comes with external-gate"),
    ],
)
def test_name_that_nothing_could_be_called_is_refused_with_the_cure(name: str, cure: str) -> None:
    with pytest.raises(BadInput, match=cure):
        plugin_name(name)


def test_command_writes_the_project_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = typed("acme")

    assert result.exit_code == 0, result.output
    assert "wrote 15 files to acme-gateway" in result.stdout
    assert "cd acme-gateway" in result.stdout
    assert (tmp_path / "acme-gateway" / ".gitignore").exists()
    assert typed("Acme Pay").exit_code == 2


def test_folder_that_is_not_empty_is_left_alone_without_force(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "notes.txt").write_text("mine")

    refused = typed("acme", "--directory", str(tmp_path))
    before = (tmp_path / "README.md").read_text()
    forced = typed("acme", "--directory", str(tmp_path), "--force")

    assert refused.exit_code == 1
    assert "is not empty" in refused.stderr
    assert "--force" in refused.stderr
    assert before == "mine"
    assert forced.exit_code == 0
    assert (tmp_path / "README.md").read_text() != "mine"
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_folder_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    result = typed("acme", "--directory", str(tmp_path / "file"))

    assert result.exit_code == 2
    assert "cannot write to" in result.stderr


def test_help_shows_an_example() -> None:
    assert "external-gate gateways new acme" in CliRunner().invoke(new, ["--help"]).output


@pytest.mark.parametrize("name", ["a", "acme", "a" * LONGEST_NAME])
def test_generated_code_keeps_the_rules_of_this_house(tmp_path: Path, name: str) -> None:
    project = generated(tmp_path, name)
    rules = RUFF["lint"]

    layout = run_in(project, "ruff", "format", "--isolated", "--line-length=100", "--diff", ".")
    lint = run_in(
        project,
        *("ruff", "check", "--isolated", "--no-cache", "--line-length=100"),
        f"--select={','.join(rules['select'])}",
        f"--ignore={','.join(rules['ignore'])}",
        *("--per-file-ignores=tests/**:INP001", "--per-file-ignores=tests/**:S101"),
        "--config=src=['src']",
        "--config=lint.flake8-tidy-imports.ban-relative-imports='all'",
        ".",
    )

    assert layout.returncode == 0, layout.stdout
    assert lint.returncode == 0, lint.stdout


def test_generated_code_has_sound_types(tmp_path: Path) -> None:
    checked = run_in(generated(tmp_path), "mypy", "--cache-dir", os.devnull)

    assert checked.returncode == 0, checked.stdout


def test_naive_adapter_gets_one_clear_finding_per_fault(tmp_path: Path) -> None:
    project = generated(tmp_path)
    adapter = project / "src/acme_gateway/adapter.py"
    adapter.write_text(adapter.read_text().replace("import hmac\n", f"import hmac\n{MORE_IMPORTS}"))
    with adapter.open("a") as opened:
        opened.write(FOUR_FAULTS)
    rig = project / "src/acme_gateway/fake/rig.py"
    rig.write_text(rig.read_text().replace("AcmeGateway", "NaiveGateway"))

    ran = run_in(
        project, "pytest", "-q", "-p", "no:cacheprovider", "-k", SHOWN, "--gateway-seeds=4",
        "--gateway-report=report.json",
    )  # fmt: skip

    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "NaiveGateway: not certified: " in ran.stdout
    report = json.loads((project / "report.json").read_text())
    assert {one["check"]: one["sentence"] for one in report["findings"]} == {
        "one-call-per-charge": ("charge made 2 calls that can move money under drop_before_effect"),
        "errors-are-unknown": (
            "charge under error_500_before_effect was answered Declined (gateway_error); "
            "honest would be: unknown"
        ),
        "key-per-attempt": "one attempt was sent with 3 different keys",
        "amount-decimals": "150000 JPY was asked for and 1500 JPY was taken",
    }
    doubles = [effect for one in report["findings"] for effect in one["consequences"]]
    assert any(line.count("19.99 USD taken as") > 1 for one in doubles for line in one["trace"])
