"""A database with several names, or mounted alone, is refused before anything is written."""

from pathlib import Path

import pytest

from external_gate.domain.errors import Broken
from external_gate.stores.one_name import refuse_other_names
from external_gate.stores.sqlite import SqliteStore
from tests.stores.conftest import opened

MOUNTED = "36 35 98:0 /volumes/gate.db {path} rw,noatime master:1 - ext3 /dev/root rw\n"
"""A line of /proc/self/mountinfo, as proc(5) explains it."""


async def test_hard_link_is_refused_until_it_is_gone(path: Path) -> None:
    async with opened(path):
        pass
    other = path.with_name("other.db")
    other.hardlink_to(path)

    for name in (path, other):
        with pytest.raises(Broken, match="has 2 names"):
            await SqliteStore(name).open()

    other.unlink()
    async with opened(path):
        pass


def test_file_that_is_mounted_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "with space" / "gate.db"
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTED.format(path=str(path).replace(" ", r"\040")))

    with pytest.raises(Broken, match="mount its directory"):
        refuse_other_names(path, mounts=mounts)
    refuse_other_names(path.with_name("another.db"), mounts=mounts)


def test_nothing_is_said_where_mounts_cannot_be_read(tmp_path: Path) -> None:
    refuse_other_names(tmp_path / "gate.db", mounts=tmp_path / "missing")
