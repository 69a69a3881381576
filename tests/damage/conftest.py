"""Fixtures of the damage: whole processes, and disks that fill up or cannot be written."""

import json
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from tests.hostile.conftest import signed
from tests.stories.players import (
    PATIENCE_SECONDS,
    Account,
    Players,
    account,
    answers,
    players,
    until,
)

SERVE = ("-m", "external_gate", "serve")

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
"""From <linux/prctl.h> and <linux/capability.h>."""

AS_A_USER = f"""
import ctypes, os, sys
ctypes.CDLL(None).prctl({PR_CAPBSET_DROP}, {CAP_DAC_OVERRIDE}, 0, 0, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""Goes on as a process to which the modes of files matter, also where the tests run as root."""

ON_A_DISK_OF_ITS_OWN = """
import os, sys
folder, *command = sys.argv[1:]
mount = 'mount -t tmpfs -o size=2m none "$0" && exec "$@"'
os.execvp("unshare", ["unshare", "-rm", "sh", "-c", mount, folder, sys.executable, *command])
"""
"""Goes on in a namespace with a small file system at a folder; it is gone with the process."""


@pytest.fixture
def cast(tmp_path: Path) -> Iterator[Players]:
    """Give the players; the configuration is written, nothing runs yet."""
    with players(tmp_path) as found:
        found.write_config()
        yield found


@pytest.fixture
def metronome(cast: Players) -> Iterator[Account]:
    """Give an account at a running emulator."""
    cast.start_emulator()
    found = account(cast)
    yield found
    found.sdk.close()


class Disk(Protocol):
    """A disk that can be filled under a running service."""

    def start_service(self, cast: Players) -> None:
        """Start the service with its database on this disk."""

    def database(self, cast: Players) -> Path:
        """Give the path under which the database can be seen from here."""
        ...

    def fill(self, cast: Players) -> None:
        """Leave no room at all."""

    def free(self, cast: Players) -> None:
        """Give the room back."""


class LimitedDisk:
    """Every write to a file fails, by the system's own limit on the size of files."""

    def start_service(self, cast: Players) -> None:
        cast.start_service()

    def database(self, cast: Players) -> Path:
        return cast.folder / "gate.db"

    def fill(self, cast: Players) -> None:
        self._limit(cast, 0)

    def free(self, cast: Players) -> None:
        self._limit(cast, resource.RLIM_INFINITY)

    def _limit(self, cast: Players, soft: int) -> None:
        pid = cast.running["service"].pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


class SmallDisk:
    """A real file system that runs out of room, in a namespace of the service's own."""

    def start_service(self, cast: Players) -> None:
        folder = cast.folder / "disk"
        folder.mkdir()
        text = cast.config.read_text()
        cast.config.write_text(text.replace(f"{cast.folder}/gate.db", f"{folder}/gate.db"))
        cast.start("service", "-c", ON_A_DISK_OF_ITS_OWN, str(folder), *SERVE, *cast.with_config)
        until(lambda: answers(f"{cast.service_url}/readyz"), "no service")

    def database(self, cast: Players) -> Path:
        pid = cast.running["service"].pid
        return Path(f"/proc/{pid}/root{cast.folder}/disk/gate.db")

    def fill(self, cast: Players) -> None:
        filler = self.database(cast).with_name("filler")
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass

    def free(self, cast: Players) -> None:
        self.database(cast).with_name("filler").unlink()


def disks() -> dict[str, Disk]:
    """Give the disks that can be had here; a file system of one's own is not allowed everywhere."""
    found: dict[str, Disk] = {"limited": LimitedDisk()}
    mount = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    if (
        shutil.which("unshare")
        and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    ):
        found["small"] = SmallDisk()
    return found


@dataclass
class Sender:
    """Delivers notifications, and remembers which were acknowledged."""

    cast: Players
    acknowledged: set[str] = field(default_factory=set)
    refused: list[httpx.Response] = field(default_factory=list)

    def deliver(self) -> bool:
        """Deliver one that nobody has sent before; tell whether it was acknowledged."""
        body, headers = signed(f"sent-{len(self.acknowledged)}-{len(self.refused)}")
        url = f"{self.cast.service_url}/webhooks/metronome"
        answer = httpx.post(url, content=body, headers=headers, timeout=PATIENCE_SECONDS)
        if answer.status_code == 200:
            self.acknowledged.add(json.loads(body)["id"])
        else:
            self.refused.append(answer)
        return answer.status_code == 200


def kept(database: Path, folder: Path) -> set[str]:
    """Read the ids of all kept notifications, from a copy in `folder`."""
    copy = folder / "copy.db"
    for ending in ("", "-wal"):  # SQLite would not open it through another process's namespace
        shutil.copy(f"{database}{ending}", f"{copy}{ending}")
    with closing(sqlite3.connect(copy)) as connection:
        return {row[0] for row in connection.execute("SELECT notification_id FROM notifications")}
