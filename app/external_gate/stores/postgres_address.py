"""Where a PostgreSQL database is, how it is connected to, and how its transactions begin."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import psycopg
from psycopg import conninfo
from psycopg.rows import TupleRow
from psycopg.types.numeric import Int8Dumper

from external_gate.domain.errors import Broken

_DEFAULTS: Mapping[str, int | str] = {
    "connect_timeout": 5,  # seconds; a server that is there answers within one
    # A network that was cut is noticed within 20 seconds, also while an answer is waited for.
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
    "fallback_application_name": "external-gate",
}
"""For every connection, unless the address or the environment (`PG…`) says otherwise."""

_NAMESPACE = re.compile(r"[a-z_][a-z0-9_]{0,39}")

STATEMENT_TIMEOUT = timedelta(seconds=30)
"""Far beyond every statement of ours, which take milliseconds."""

IDLE_TIMEOUT = timedelta(seconds=10)
"""For a process that was stopped amid a transaction: then the server frees its locks."""


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """One namespace (a PostgreSQL schema) of one database."""

    parameters: Mapping[str, object]
    """As libpq has them; a password may be among them."""
    namespace: str
    lock_timeout: timedelta

    @property
    def shown(self) -> str:
        """Name it without what is secret."""
        told = {**_from_environment(), **self.parameters}
        place = told.get("host") or told.get("hostaddr") or "this machine"
        name = told.get("dbname") or told.get("user") or "its default"
        return f"{name} at {place} (schema {self.namespace})"

    @property
    def channel(self) -> str:
        """Name the channel on which commits are announced; below PostgreSQL's 63 letters."""
        return f"external_gate_{self.namespace}"

    @property
    def begin_to_write(self) -> str:
        """Begin a transaction whose commit is durable, whatever the server's default.

        With a synchronous standby that means: there too. A stricter default stays.
        """
        durable = (
            "set_config('synchronous_commit', CASE current_setting('synchronous_commit') "
            "WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true)"
        )
        return f"BEGIN; SELECT {durable}, {self._local}"

    @property
    def begin_to_read(self) -> str:
        """Begin a transaction that sees one instant and cannot write."""
        return f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT {self._local}"

    @property
    def _local(self) -> str:
        # For this transaction alone: with a pooler the next one may have another connection.
        knobs = {
            "search_path": f'"{self.namespace}", pg_temp',
            "lock_timeout": _milliseconds(self.lock_timeout),
            "statement_timeout": _milliseconds(STATEMENT_TIMEOUT),
            "idle_in_transaction_session_timeout": _milliseconds(IDLE_TIMEOUT),
        }
        return ", ".join(f"set_config('{name}', '{value}', true)" for name, value in knobs.items())

    def connect(self) -> psycopg.Connection[TupleRow]:
        """Connect. Raises psycopg's errors."""
        given = {**_from_environment(), **self.parameters}
        defaults = {name: value for name, value in _DEFAULTS.items() if name not in given}
        if "," in str(given.get("host", "")) and "target_session_attrs" not in given:
            defaults["target_session_attrs"] = "read-write"  # of several, the one that takes writes
        connection = psycopg.connect(
            **{**defaults, **self.parameters, "client_encoding": "utf8"},  # type: ignore[arg-type]
            autocommit=True,  # transactions are ours alone to begin and end
            prepare_threshold=None,  # the next transaction may have another connection
        )
        # Numbers of any size are bigint: one that is too large is refused, as by SQLite.
        connection.adapters.register_dumper(int, Int8Dumper)
        return connection


def address_of(
    url: str, *, namespace: str, lock_timeout: timedelta = timedelta(seconds=5)
) -> PostgresAddress:
    """Read a `store.url`, `postgresql://user@host/database`.

    Raises `Broken` when libpq does not understand it; the address is not repeated.
    """
    if not _NAMESPACE.fullmatch(namespace):
        raise Broken(
            f"store.namespace {namespace!r} is no name for a schema: "
            "use at most 40 lower case letters, digits and _"
        )
    try:
        parameters = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        # Its words may repeat a password.
        raise Broken(
            "store.url is no address of PostgreSQL: write postgresql://user@host/database"
        ) from None
    return PostgresAddress(parameters, namespace, lock_timeout)


_ENVIRONMENT: Mapping[str, str] = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}


def _from_environment() -> dict[str, str]:
    return {name: os.environ[key] for name, key in _ENVIRONMENT.items() if key in os.environ}


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
