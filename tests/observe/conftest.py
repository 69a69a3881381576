"""Logging set up as the service does it, into a text that the test can read."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry

from external_gate.observe import logs
from external_gate.observe.line_writer import LineWriter
from external_gate.observe.metrics import Metrics
from external_gate.observe.observer import LoggingObserver

_LOGGERS = (None, "uvicorn", "uvicorn.error", "uvicorn.access", "httpx", "httpcore")


@dataclass(frozen=True, slots=True)
class Logged:
    """What was written so far."""

    stream: io.StringIO = field(default_factory=io.StringIO)

    @property
    def text(self) -> str:
        """Give everything that was written."""
        logs.flush()
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:  # Any: whatever was logged
        """Give the lines of the JSON form."""
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def line(self) -> dict[str, Any]:  # Any: as above
        """Give the only line."""
        (line,) = self.lines
        return line


Configure = Callable[..., Logged]


@pytest.fixture
def configure() -> Iterator[Configure]:
    """Set logging up as the service does; everything is put back afterwards."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(list(logger.handlers), logger.level, logger.propagate) for logger in loggers]

    def configured(level: logs.Level = "debug", form: logs.Format = "json", **more: Any) -> Logged:
        logged = Logged()
        logs.configure(level, form, writer=LineWriter(lambda: logged.stream), **more)
        return logged

    yield configured
    for handler in logging.getLogger().handlers:
        if handler not in before[0][0]:
            handler.close()
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate
    structlog.reset_defaults()


@pytest.fixture
def logged(configure: Configure) -> Logged:
    """Give what is logged from here on, as JSON, from `debug` upwards."""
    return configure()


@pytest.fixture
def registry() -> CollectorRegistry:
    """Give the registry of the observer's metrics."""
    return CollectorRegistry()


@pytest.fixture
def observer(registry: CollectorRegistry) -> LoggingObserver:
    """Give an observer as the service makes it."""
    return LoggingObserver(Metrics(registry))


@pytest.fixture
def count(registry: CollectorRegistry) -> Callable[..., float | None]:
    """Give a reader of single samples."""
    return lambda name, **labels: registry.get_sample_value(f"external_gate_{name}", labels)
