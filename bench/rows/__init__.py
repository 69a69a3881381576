"""The rows of the table, in its order."""

from bench.outcome import Row
from bench.rows.ceiling import CEILING
from bench.rows.footprint import FOOTPRINT
from bench.rows.overload import OVERLOAD
from bench.rows.replica import REPLICA
from bench.rows.slow_outside import SLOW_OUTSIDE
from bench.rows.storages import STORAGES

ROWS: tuple[Row, ...] = (CEILING, STORAGES, REPLICA, SLOW_OUTSIDE, OVERLOAD, FOOTPRINT)
