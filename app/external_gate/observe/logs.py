"""Sets up logging: ours and everybody's, one line per record on standard error, without secrets."""

import json
import logging
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import Processor

from external_gate.observe.line_writer import LineWriter
from external_gate.observe.redaction import Redactor

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["json", "console"]

_OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access")
"""Loggers that bring handlers of their own, past every redaction, unless these are taken away."""

_TALKATIVE = ("httpx", "httpcore", "httpx2", "httpcore2")
"""Clients that write whole addresses with their queries, and headers, below WARNING."""


def configure(
    level: Level = "info",
    format: Format = "json",  # noqa: A002 - named as the key of the configuration
    *,
    secrets: Iterable[str] = (),
    writer: LineWriter | None = None,
) -> None:
    """Send every record through one formatter and one redactor to standard error.

    `secrets` are masked wherever they stand. Replaces every handler of the root logger; repeatable.
    Give uvicorn `log_config=None`, or it puts handlers of its own back.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    handler = _Handler(writer or LineWriter())
    handler.setFormatter(_formatter(format, Redactor(secrets)))
    _replace_handlers(handler, number)
    structlog.configure(
        processors=[*_FIRST, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # or a logger used before would keep its old ways
    )


def flush() -> None:
    """Wait until everything logged so far is written, at most two seconds.

    The interpreter does it when it ends; a process that ends itself by a signal does not.
    """
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _Handler):
            handler.writer.drain()


_FIRST: Sequence[Processor] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
"""What every record gets, also those of other libraries."""


def _formatter(form: Format, redactor: Redactor) -> ProcessorFormatter:
    exceptions, renderer = _for_machines() if form == "json" else _for_people()
    # The redactor is last: behind it is only the writing down.
    return _Formatter([exceptions, redactor, renderer])


class _Formatter(ProcessorFormatter):
    """Formats every record with the same processors, ours by a shorter way.

    What structlog made needs nothing of logging's record, and copies of that would be a third of
    what a line costs.
    """

    def __init__(self, processors: Sequence[Processor]) -> None:
        foreign = [ProcessorFormatter.remove_processors_meta, *processors]
        super().__init__(foreign_pre_chain=_FIRST, processors=foreign)
        self._processors = processors

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        if not isinstance(record.msg, dict) or not hasattr(record, "_logger"):
            return super().format(record)
        event: Any = dict(record.msg)  # Any: each processor makes something else of it
        for process in self._processors:
            event = process(None, record.levelname.lower(), event)
        return str(event)


# Local variables would be the shortest way for a secret into the log: neither form has them.
def _for_machines() -> tuple[Processor, Processor]:
    transformer = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    renderer = structlog.processors.JSONRenderer(serializer=_in_json)
    return structlog.processors.ExceptionRenderer(transformer), renderer


def _in_json(event: dict[str, Any], **_: object) -> str:  # Any: as the redactor left it, plain
    # Without options, for which `json` would make an encoder anew for every line.
    return json.dumps(event)


def _for_people() -> tuple[Processor, Processor]:
    plain = structlog.dev.plain_traceback
    renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)
    return structlog.processors.format_exc_info, renderer


class _Handler(logging.StreamHandler[LineWriter]):
    """Hands lines to the writer. What cannot be formatted is counted, never printed as it is."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__(writer)
        self.writer = writer

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - logging's name
        """Count it; logging's own way would print the arguments, secrets included."""
        self.writer.count_lost()

    def close(self) -> None:
        """Write what is waiting; logging calls it when the interpreter ends."""
        self.writer.close()
        super().close()


def _replace_handlers(handler: logging.Handler, level: int) -> None:
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        if isinstance(old, _Handler):
            old.close()
    root.addHandler(handler)
    root.setLevel(level)
    for name in _OWN_HANDLERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)  # ours decides, whoever set up a server before
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
