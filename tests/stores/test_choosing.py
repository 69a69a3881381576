"""Which store an address names, and what happens without PostgreSQL's driver."""

import subprocess
import sys
from pathlib import Path

import pytest

from external_gate.settings.model import StoreSettings
from external_gate.stores.choosing import make
from external_gate.stores.postgres import PostgresStore
from external_gate.stores.sqlite import SqliteStore

WITHOUT_DRIVER = """
import sys
sys.modules["psycopg"] = None
import external_gate.assembly
import external_gate.cli.doctor
from external_gate.domain.errors import Broken
from external_gate.settings.model import StoreSettings
from external_gate.stores.choosing import make
make(StoreSettings(url="sqlite:///gate.db"))
try:
    make(StoreSettings(url="postgresql://u:c4n4ry@db/gate"))
except Broken as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("url", "kind"), [("sqlite:///gate.db", SqliteStore), ("postgresql://db/gate", PostgresStore)]
)
def test_address_names_the_store(url: str, kind: type) -> None:
    assert isinstance(make(StoreSettings(url=url)), kind)


def test_driver_is_needed_for_postgres_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_DRIVER]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.stderr == ""
    assert "pip install 'external-gate[postgres]'" in done.stdout
    assert "c4n4ry" not in done.stdout
