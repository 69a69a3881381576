"""What `doctor` says about a PostgreSQL database."""

from collections.abc import Iterator
from datetime import timedelta

from external_gate.cli.checkup import Check, failure, fine, warning
from external_gate.cli.endings import UNREACHABLE
from external_gate.stores.postgres_findings import OLDEST_VERSION, PostgresFindings

LARGEST_DIFFERENCE = timedelta(seconds=2)
"""Between its clock and ours; more than that, and replicas may disagree about leases."""

CONNECTIONS_PER_PROCESS = 7
"""Two that write, four that read, one that listens."""


def postgres_checks(found: PostgresFindings) -> Iterator[Check]:
    """Judge what was found out about a namespace."""
    yield _schema_check(found)
    yield _version_check(found)
    yield _standby_check(found)
    yield _clock_check(found.ahead)
    yield _connections_check(found.connections_left)


def _schema_check(found: PostgresFindings) -> Check:
    if not found.writable:
        return failure(
            "store",
            f"{found.shown} is read-only, as a standby is",
            cure="name the primary in store.url, or several hosts, and wait for the failover",
            exit_code=UNREACHABLE,
        )
    if not found.exists:
        return fine("store", f"{found.shown} is made at the first start")
    if found.behind:
        return warning(
            "store",
            f"{found.shown} lacks {', '.join(found.behind)}",
            cure="external-gate db migrate, or start the service: it migrates by itself",
        )
    return fine("store", f"{found.shown} is up to date and can be written")


def _version_check(found: PostgresFindings) -> Check:
    told = f"PostgreSQL {found.version}"
    if found.version < OLDEST_VERSION:
        return failure("postgres", told, cure=f"use PostgreSQL {OLDEST_VERSION} or newer")
    return fine("postgres", told)


def _standby_check(found: PostgresFindings) -> Check:
    """Say what a failover would mean for what was acknowledged."""
    if found.synchronous_standbys:
        return fine(
            "failover",
            f"a commit counts when the synchronous standby has it ({found.synchronous_standbys}): "
            "what was acknowledged survives a failover",
        )
    if found.has_standbys:
        return warning(
            "failover",
            "every commit is on the primary's disk, but no standby is synchronous: a failover may "
            "lose what was acknowledged in the moment before it",
            cure="set synchronous_standby_names on the server",
        )
    return fine(
        "failover",
        "every commit is on the server's disk; no standby copies it, unless its storage is copied",
    )


def _clock_check(ahead: timedelta) -> Check:
    seconds = ahead.total_seconds()
    if abs(ahead) > LARGEST_DIFFERENCE:
        way = "ahead of" if seconds > 0 else "behind"
        return warning(
            "clock",
            f"the database server's clock is {abs(seconds):.0f} seconds {way} ours",
            cure="synchronise both with NTP: leases are read by the clocks of all replicas",
        )
    return fine("clock", "the database server's clock agrees with ours")


def _connections_check(left: int) -> Check:
    told = f"{left} connections are left; a process of ours takes {CONNECTIONS_PER_PROCESS}"
    if left < CONNECTIONS_PER_PROCESS:
        return warning("connections", told, cure="raise max_connections, or use a pooler")
    return fine("connections", told)
