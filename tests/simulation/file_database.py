"""The database of a world on a real file, opened, locked and found out as the product does it."""

import contextlib
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from external_gate.stores.heartbeat_file import HeartbeatFile
from external_gate.stores.sqlite import SqliteStore
from external_gate.stores.sqlite_connection import connect_file, open_to_read
from external_gate.stores.sqlite_faults import translate
from tests.simulation.database import Database

PATIENCE = timedelta(seconds=5)
_LOG, _INDEX_OF_LOG = "-wal", "-shm"


class FileDatabase(Database):
    """A file with a write-ahead log and `synchronous = FULL`, in a folder that goes with the world.

    One connection writes and another one reads, so that a read sees what is committed and no more.
    """

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="world-")
        self._path = Path(self._folder.name).resolve() / "external-gate.db"
        self._heartbeat = HeartbeatFile(self._path.with_name(f"{self._path.name}.heartbeat"))
        self._open()

    @property
    def connection(self) -> sqlite3.Connection:
        return self._connection

    @property
    def reader(self) -> sqlite3.Connection:
        return self._reader

    def beat(self, mark: datetime) -> None:
        self._heartbeat.write(mark)

    def copy(self) -> bytes:
        """Give a backup, made while the database is in use."""
        file = self._path.with_name("backup.db")
        file.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(file)) as backup:
            self._connection.backup(backup)
        return file.read_bytes()

    def replace(self, backup: bytes) -> bool:
        self._let_go()
        self._write(backup, log=b"")
        return self._open()

    def crash(self) -> None:
        """Go on with file and log as a kill leaves them: no close has tidied them up."""
        file, log = self._path.read_bytes(), self._beside(_LOG).read_bytes()
        self._let_go()
        self._write(file, log=log)
        self._open()

    def close(self) -> None:
        self._let_go()
        self._folder.cleanup()

    def let_go(self) -> Path:
        """Close the file as a service does that ends, and tell where it is."""
        self._let_go()
        return self._path

    def _translate(self, error: Exception) -> Exception:
        return translate(error, self._path)

    def _open(self) -> bool:
        """Open as the service does; true when it finds an older copy."""
        store = SqliteStore(self._path, busy_timeout=PATIENCE)
        self._file = store._open_file()
        self._connection = self._file.conn
        self._reader = open_to_read(self._path, PATIENCE, connect_file)
        return store.restored is not None

    def _let_go(self) -> None:
        self._reader.close()
        self._file.close()

    def _write(self, file: bytes, *, log: bytes) -> None:
        self._beside(_INDEX_OF_LOG).unlink(missing_ok=True)
        self._path.write_bytes(file)
        self._beside(_LOG).write_bytes(log)

    def _beside(self, suffix: str) -> Path:
        return self._path.with_name(self._path.name + suffix)
