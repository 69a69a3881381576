"""Which file `store.url` names."""

from pathlib import Path

import pytest

from external_gate.domain.errors import Broken
from external_gate.stores.sqlite_connection import path_of


def test_three_slashes_are_relative_and_four_absolute(tmp_path: Path) -> None:
    assert path_of("sqlite:///external-gate.db") == Path("external-gate.db")
    assert path_of(f"sqlite:///{tmp_path}/gate.db") == tmp_path / "gate.db"


@pytest.mark.parametrize(
    "url",
    ["sqlite:///", "sqlite://gate.db", "gate.db", "sqlite:///:memory:", "sqlite:///a.db?mode=ro"],
)
def test_address_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(Broken, match="write sqlite:///"):
        path_of(url)


def test_password_of_another_address_is_not_repeated() -> None:
    with pytest.raises(Broken) as refused:
        path_of("postgresql://gate:secret@localhost/gate")

    assert "secret" not in str(refused.value)


def test_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(Broken, match=f"create the directory {tmp_path}/missing first"):
        path_of(f"sqlite:///{tmp_path}/missing/gate.db")


def test_directory_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="is a directory"):
        path_of(f"sqlite:///{tmp_path}")
