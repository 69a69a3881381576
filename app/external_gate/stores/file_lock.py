"""The lock of a serving process: one of them per SQLite file."""

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from external_gate.domain.errors import Broken, Unavailable

_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}
"""Wrong set-up: waiting would not mend it."""


class FileLock:
    """A lock on a file beside the database; the system lets go of it when the process dies.

    The file stays: removing it would let two processes lock two files of one name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or say who has it.

        Raises `Broken` while another process has it and when this user may not write the file,
        `Unavailable` for other trouble with the disk.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            told = f"{self._path} cannot be opened to be written ({error.strerror})"
            if error.errno in _NOT_WRITABLE:
                raise Broken(f"{told}: let this user write the database's directory") from error
            raise Unavailable(f"{told}: look at its disk") from error
        try:
            self._take(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of the lock. Repeatable."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            raise Broken(
                f"process {holder} already serves or works on this database ({self._path}): "
                "one process per SQLite file; stop it, or use PostgreSQL"
            ) from error
        # Only a hint for people: a full disk is no reason not to serve.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
