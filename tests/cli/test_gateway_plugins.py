"""Third-party wheels, built and installed as strangers do, in an environment of their own."""

import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest

import external_gate

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{distribution}"
version = "{version}"
description = "A gateway of somebody else."
dependencies = ["external-gate"]

[project.entry-points."external_gate.gateways"]
{adapter} = "{module}:Gateway"

[tool.hatch.build.targets.wheel]
include = ["{module}.py"]
"""

ADAPTER = '''
"""Piglet Pay."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, SecretStr

from external_gate.gateways import Capabilities, Idempotency, KeyStores, Lookup


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    token: SecretStr


class Gateway:
    settings_model = Settings
    capabilities = Capabilities(
        currencies=frozenset({"EUR"}),
        idempotency=Idempotency.NATIVE,
        window=timedelta(days=7),
        key_stores=KeyStores.SUCCESS_ONLY,
        lookup=Lookup.QUERY,
    )

    def __init__(self, settings, surroundings):
        pass

    def build(self, charge):
        return b""

    async def charge(self, request): ...
    async def lookup(self, sent): ...
    async def cancel(self, sent): ...
    async def refund(self, sent): ...
    def parse_notification(self, headers, body, url): ...
'''

BROKEN = "import the_sdk_of_wreck_pay\n"

pytestmark = pytest.mark.slow


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        command, cwd=cwd, env={"PATH": ""}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran


def build(folder: Path, distribution: str, version: str, adapter: str, source: str) -> str:
    """Build a wheel, offline; gives its path."""
    module = distribution.replace("-", "_")
    project = folder / distribution
    project.mkdir()
    facts = {"distribution": distribution, "version": version, "adapter": adapter}
    (project / "pyproject.toml").write_text(PROJECT.format(module=module, **facts))
    (project / f"{module}.py").write_text(source)
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", cwd=project)
    [wheel] = (project / "dist").glob("*.whl")
    return str(wheel)


def fresh_environment(folder: Path) -> Path:
    """Make an environment that sees ourselves and what we need, and nothing more; its Python."""
    venv.create(folder, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    ours = [sysconfig.get_path("purelib"), str(Path(external_gate.__file__).parents[1])]
    (site / "ours.pth").write_text("\n".join(ours))
    return folder / "bin" / "python"


def test_installed_plugin_appears_and_a_broken_one_stops_nothing(tmp_path: Path) -> None:
    wheels = [
        build(tmp_path, "piglet-gateway", "2.5.1", "piglet", ADAPTER),
        build(tmp_path, "wreck-gateway", "0.1.0", "wreck", BROKEN),
    ]
    python = fresh_environment(tmp_path / "environment")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    run(*pip, "install", "--no-deps", "--no-index", *wheels, cwd=tmp_path)

    listing = [str(python), "-m", "external_gate", "gateways", "list"]
    said = json.loads(run(*listing, "--json", cwd=tmp_path).stdout)
    shown = run(*listing, cwd=tmp_path).stdout

    found: dict[str, Any] = {one["name"]: one for one in said["adapters"]}
    assert set(found) == {"http", "sandbox", "piglet", "wreck"}
    piglet, wreck = found["piglet"], found["wreck"]
    assert (piglet["distribution"], piglet["version"]) == ("piglet-gateway", "2.5.1")
    assert piglet["loads"] is True
    assert piglet["capabilities"]["window_seconds"] == 7 * 86_400
    assert piglet["capabilities"]["key_stores"] == "success_only"
    assert (wreck["distribution"], wreck["version"]) == ("wreck-gateway", "0.1.0")
    assert "No module named 'the_sdk_of_wreck_pay'" in wreck["fault"]
    assert wreck["cure"] == ("install the module the_sdk_of_wreck_pay, which wreck-gateway needs")
    assert "piglet  piglet-gateway 2.5.1  ok\n" in shown
    assert "wreck  wreck-gateway 0.1.0  broken\n" in shown
