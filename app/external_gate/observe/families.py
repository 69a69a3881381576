"""Metrics whose labels stay few: a value that nobody foresaw becomes `other`."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Generic, Protocol, TypeVar

from prometheus_client.metrics import MetricWrapperBase

OTHER = "other"

MOST_NAMES = 50
"""Distinct names under one label, such as gateways; a configuration has a handful."""

_Metric = TypeVar("_Metric", bound=MetricWrapperBase)


class LabelValues(Protocol):
    """Which values a label may take."""

    @property
    def foreseen(self) -> Sequence[str]:
        """Give the values that are known beforehand."""
        ...

    def bounded(self, value: str) -> str:
        """Give the value, or `other` for one too many."""
        ...


class OneOf:
    """A closed list; `other` stands for everything else where that can come."""

    def __init__(self, *values: str, others: bool = False) -> None:
        more = (OTHER,) if others else ()
        self.foreseen: Sequence[str] = (*(str(value) for value in values), *more)
        self._known = frozenset(self.foreseen)

    def bounded(self, value: str) -> str:
        """Give the value if it is on the list."""
        return value if value in self._known else OTHER


class Names:
    """Names from the configuration, as they come, up to fifty."""

    def __init__(self) -> None:
        self.foreseen: Sequence[str] = ()
        self._seen: set[str] = set()

    def bounded(self, value: str) -> str:
        """Give the name, or `other` after fifty."""
        if value not in self._seen and len(self._seen) >= MOST_NAMES:
            return OTHER
        self._seen.add(value)
        return value


class Family(Generic[_Metric]):
    """One metric and its children; those foreseen begin at zero, so that rates work at once."""

    def __init__(self, metric: _Metric, labels: Mapping[str, LabelValues]) -> None:
        self._metric = metric
        self.labels = labels
        self._children: dict[tuple[str, ...], _Metric] = {}
        for values in product(*(label.foreseen for label in labels.values())):
            self._child(values)

    def at(self, *values: str) -> _Metric:
        """Give the child for label values, in the order of the labels."""
        known = self._children.get(values)
        if known is not None:
            return known
        bounded = (
            label.bounded(str(value))
            for label, value in zip(self.labels.values(), values, strict=True)
        )
        return self._child(tuple(bounded))

    def _child(self, values: tuple[str, ...]) -> _Metric:
        if values not in self._children:
            self._children[values] = self._metric.labels(*values)
        return self._children[values]
