"""Both example hosts are certified by the command that their READMEs show."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.conftest import ExampleHost
from tests.gateways.conftest import SECRET
from tests.tallies import count

pytestmark = pytest.mark.slow


def certify(host: ExampleHost, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "external_gate", "gateways", "certify", "--url", host.url]
    books = ["--books-url", f"{host.origin}/_books"]
    return subprocess.run([*command, *books, *options], capture_output=True, text=True, check=False)


def test_example_host_gets_a_clean_report(host: ExampleHost, tmp_path: Path) -> None:
    secret, report = tmp_path / "host.secret", tmp_path / "report.json"
    secret.write_text(SECRET)

    ran = certify(host, "--secret-file", str(secret), "--seeds", "4", "--report", str(report))

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"the host at {host.url}: certified: " in ran.stdout
    said = json.loads(report.read_text("utf-8"))
    assert said["findings"] == []
    assert set(said["ends"]) <= {"released", "cancelled"}
    tried = {one["id"] for one in said["checks"] if one["status"] == "passed"}
    assert {"at-most-one-charge", "pending-is-pending", "cancel-burns-key", "life-ends"} <= tried
    assert SECRET not in ran.stdout + ran.stderr
    count("scenarios played against example hosts", len(said["scenarios"]))


def test_example_host_with_another_secret_is_told_so_at_once(host: ExampleHost) -> None:
    ran = certify(host, "--secret", "whsec_YW5vdGhlci1zZWNyZXQtMTIzNDU2Nzg5MDEyMzQ1Njc=")

    assert ran.returncode == 2
    assert "compare the address and the secret with those of the host" in ran.stderr
