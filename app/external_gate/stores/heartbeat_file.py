"""The high-water mark beside the database: it outlives the file's replacement by an older copy."""

import contextlib
from datetime import datetime
from pathlib import Path

from external_gate.domain.errors import Unavailable


class HeartbeatFile:
    """One instant in a file, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> datetime | None:
        """Give the mark; None when there is none, or none that can be read."""
        with contextlib.suppress(OSError, ValueError):
            mark = datetime.fromisoformat(self._path.read_text(encoding="ascii").strip())
            # A mark without a zone was not written by us.
            return mark if mark.tzinfo else None
        return None

    def write(self, mark: datetime) -> None:
        """Replace the mark.

        Not forced to disk: a mark lost in a power failure only means that an older one is compared.
        Raises `Unavailable` when it cannot be written.
        """
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            fresh.write_text(f"{mark.isoformat(timespec='milliseconds')}\n", encoding="ascii")
            fresh.replace(self._path)
        except OSError as error:
            raise Unavailable(f"{self._path} cannot be written: {error.strerror}") from error
