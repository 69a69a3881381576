"""What was found out about a PostgreSQL database; known without its driver."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

OLDEST_VERSION = 13
"""Older ones get no more fixes. Source: postgresql.org/support/versioning, 2026-11."""


@dataclass(frozen=True, slots=True)
class PostgresFindings:
    """One namespace as it was found."""

    shown: str
    """Its name, without what is secret."""
    version: int
    """The major version."""
    exists: bool
    """Whether anything of ours is there yet."""
    behind: Sequence[str]
    """Migrations that the next start applies; empty when it is up to date."""
    writable: bool
    """Neither a standby nor set to be read-only."""
    has_standbys: bool
    """Whether somebody copies its log now."""
    synchronous_standbys: str
    """`synchronous_standby_names`: who must have a commit before it counts; empty for nobody."""
    ahead: timedelta
    """How far its clock is ahead of ours; negative when it is behind."""
    connections_left: int
    """How many more it would take, for everybody."""
