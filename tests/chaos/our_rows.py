"""Looks into the service's own tables, past the service."""

from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from external_gate.domain.workflow import State
from tests.stories.players import Json
from tests.throwaway_postgres import Cluster

_STATES = sql.SQL("SELECT workflow_id, state, held_reason, fence FROM {schema}.workflows")

_STUCK = sql.SQL("""
SELECT workflow_id FROM {schema}.workflows WHERE state = %s AND lease_until IS NULL
AND EXISTS (
    SELECT 1 FROM {schema}.attempts
    WHERE attempts.workflow_id = workflows.workflow_id AND gateway = %s
)
""")

_UNRESOLVED = sql.SQL("SELECT count(DISTINCT workflow) FROM {schema}.history WHERE to_state = %s")


@dataclass(frozen=True)
class OurRows:
    """One namespace."""

    cluster: Cluster
    namespace: str

    def by_workflow(self) -> dict[str, Json]:
        """Give state, reason for holding, and fence of every workflow."""
        with (
            self.cluster.connect() as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            found: list[dict[str, Any]] = cursor.execute(self._of(_STATES)).fetchall()  # by column
        return {row["workflow_id"]: row for row in found}

    def unresolved_at(self, gateway: str) -> set[str]:
        """Name the workflows of a gateway of which nobody knows what became of the charge."""
        wanted = (State.UNRESOLVED.value, gateway)
        with self.cluster.connect() as connection:
            return {str(row[0]) for row in connection.execute(self._of(_STUCK), wanted)}

    def times_unresolved(self) -> int:
        """Count the workflows that were ever `unresolved`."""
        with self.cluster.connect() as connection:
            row = connection.execute(self._of(_UNRESOLVED), (State.UNRESOLVED.value,)).fetchone()
        return int(str(row[0])) if row else 0

    def _of(self, statement: sql.SQL) -> sql.Composed:
        return statement.format(schema=sql.Identifier(self.namespace))
