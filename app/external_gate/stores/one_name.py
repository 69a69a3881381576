"""A database must have one name: SQLite finds its write-ahead log and its locks by the name."""

import contextlib
from pathlib import Path

from external_gate.domain.errors import Broken

_MOUNTS = Path("/proc/self/mountinfo")
"""What is mounted where, on Linux; on other systems there is no such file, and nothing is said."""


def refuse_other_names(path: Path, *, mounts: Path = _MOUNTS) -> None:
    """Refuse a file that has several names, or that was mounted by itself; `path` is resolved.

    Under each name it would have a write-ahead log of its own, and two processes would damage it
    without noticing each other; of a file mounted alone the log stays behind when the mount goes.
    Source: sqlite.org/howtocorrupt.html, section 2.5, 2026-11. Raises `Broken`.
    """
    with contextlib.suppress(OSError):  # not there yet, or not ours to look at: opening it tells
        names = path.stat().st_nlink
        if names > 1:
            raise Broken(
                f"{path} has {names} names (hard links): "
                "remove the others, so that everybody uses one write-ahead log"
            )
    if str(path) in _mount_points(mounts):
        raise Broken(
            f"{path} is mounted as a single file, without its write-ahead log: mount its directory"
        )


def _mount_points(mounts: Path) -> set[str]:
    with contextlib.suppress(OSError):
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        # The fifth field; a space within it is written in octal.
        return {line.split()[4].replace(r"\040", " ") for line in lines}
    return set()
