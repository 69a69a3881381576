"""The rows of the table, in its order."""

from bench.outcome import Row
from bench.rows.ceiling import CEILING
from bench.rows.disk import DISK
from bench.rows.footprint import FOOTPRINT
from bench.rows.history import HISTORY
from bench.rows.overload import OVERLOAD
from bench.rows.processor import PROCESSOR
from bench.rows.replica import REPLICA
from bench.rows.scaling import SCALING
from bench.rows.slow_outside import SLOW_OUTSIDE
from bench.rows.storages import STORAGES
from bench.rows.wholes import INSTEAD_OF_WHOLES, WHOLES

ROWS: tuple[Row, ...] = (
    CEILING,
    STORAGES,
    REPLICA,
    WHOLES,
    INSTEAD_OF_WHOLES,
    PROCESSOR,
    HISTORY,
    SLOW_OUTSIDE,
    OVERLOAD,
    FOOTPRINT,
    DISK,
)

ON_REQUEST: tuple[Row, ...] = (SCALING,)
"""Measured only when named: they answer other questions than the table's."""
