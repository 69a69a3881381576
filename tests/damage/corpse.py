"""A life that ends in mid-charge, and what is left of it: files, and a world that saw it all."""

import copy
import shutil
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from external_gate.domain.charge import Capabilities, ChargeRequest
from external_gate.domain.identifiers import WorkflowId, attempt_key
from external_gate.engine.context import Policy
from external_gate.stores.sqlite import SqliteStore
from tests.engine.world import BookkeepingBilling, BookkeepingGateway, World

HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24
"""Of a write-ahead log, and of each frame in it (sqlite.org/fileformat2.html, section 4)."""

FATES = ("ok", "hard", "lost_after", "pending", "lost_before", "declined_lost", "lost_after", "ok")
"""What one workflow after the other meets at the gateway; in mid-charge of the last all ends."""

BEATS_AFTER = {1, 4}
"""The workflows after which the heartbeat beats; the last ones come after the last beat."""

BOOKS = ("books", "calls", "invoices", "outcomes", "releases", "stored")
"""What gateway and Metronome remember, whatever becomes of us."""


@dataclass(frozen=True, slots=True)
class Corpse:
    """What is left."""

    folder: Path
    gateway: BookkeepingGateway
    billing: BookkeepingBilling
    died_at: datetime
    acknowledged: dict[str, int]
    """Each notification answered with 200, and how long the write-ahead log was then."""
    beaten: int
    """How long the write-ahead log was at the last beat."""

    @property
    def wal(self) -> bytes:
        """Give the write-ahead log."""
        return (self.folder / "gate.db-wal").read_bytes()

    def acknowledged_until(self, end: int) -> set[str]:
        """Give what had been acknowledged when the log was so long."""
        return {name for name, at in self.acknowledged.items() if at <= end}

    def copied(self, folder: Path, wal: bytes) -> Path:
        """Give copies of the files with another write-ahead log."""
        folder.mkdir()
        for name in ("gate.db", "gate.db.heartbeat"):
            shutil.copy(self.folder / name, folder / name)
        (folder / "gate.db-wal").write_bytes(wal)
        return folder

    @asynccontextmanager
    async def revived(self, folder: Path, wal: bytes) -> AsyncIterator[World]:
        """Give the world again, with such a copy."""
        self.copied(folder, wal)
        store = SqliteStore(folder / "gate.db", exclusive=True)
        await store.open()
        try:
            world = World(store, self.gateway.capabilities, Policy(default_gateway="main"))
            world.clock.instant = self.died_at + timedelta(seconds=30)
            for before, after in ((self.gateway, world.gateway), (self.billing, world.billing)):
                for name in filter(lambda name: hasattr(before, name), BOOKS):
                    setattr(after, name, copy.deepcopy(getattr(before, name)))
            yield world
        finally:
            await store.close()


async def live_and_die(folder: Path, capabilities: Capabilities) -> Corpse:
    """Live through one workflow after the other; the power fails while the last is charged."""
    alive, dead = folder / "alive", folder / "dead"
    alive.mkdir(parents=True)
    dead.mkdir()
    store = SqliteStore(alive / "gate.db", exclusive=True)
    await store.open()
    world = World(store, capabilities, Policy(default_gateway="main"))
    acknowledged: dict[str, int] = {}
    beaten = 0

    async def die(_request: ChargeRequest) -> None:
        if len(acknowledged) == len(FATES):
            shutil.copytree(alive, dead, dirs_exist_ok=True)
            world.gateway.during_charge = None

    world.gateway.during_charge = die
    for number, fate in enumerate(FATES):
        world.gateway.script.append(fate)
        await world.receive(f"w{number}")
        acknowledged[f"w{number}"] = length(alive)
        await world.work()
        world.clock.advance(seconds=2)
        if number in BEATS_AFTER:
            await store.heartbeat(world.clock.now())
            beaten = length(alive)
    await store.close()
    return Corpse(dead, world.gateway, world.billing, world.clock.now(), acknowledged, beaten)


def length(folder: Path) -> int:
    """Give how long the write-ahead log is now."""
    return (folder / "gate.db-wal").stat().st_size


def commits(wal: bytes) -> Iterator[int]:
    """Give where each commit ends in a write-ahead log; first where there is none yet."""
    yield HEADER_BYTES
    (page_bytes,) = struct.unpack(">I", wal[8:12])
    salt = wal[16:24]
    frame_bytes = FRAME_HEADER_BYTES + page_bytes
    for start in range(HEADER_BYTES, len(wal) - frame_bytes + 1, frame_bytes):
        is_commit = struct.unpack(">I", wal[start + 4 : start + 8]) != (0,)
        if is_commit and wal[start + 8 : start + 16] == salt:
            yield start + frame_bytes


def taken(world: World, name: str) -> int:
    """Count how often the gateway took money for a workflow, and kept it."""
    keys = [attempt_key(WorkflowId(name), number) for number in range(1, 20)]
    booked = [entry for key in keys for entry in world.gateway.books.get(key, [])]
    return sum(entry.status == "taken" for entry in booked)
