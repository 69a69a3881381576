"""Time on the command line: durations and instants as people write and read them."""

from datetime import UTC, datetime, timedelta

import click

from external_gate.settings.values import read_duration


class DurationType(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5 only
    """A duration such as `90s`, `15m`, `6h`, `7d`; plain numbers are seconds, - is allowed."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read it, or say how it is written."""
        if isinstance(value, timedelta):
            return value
        written = str(value)
        try:
            found = read_duration(written.removeprefix("-"))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return -found if written.startswith("-") else found


class SinceType(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5 only
    """An instant, written as one or as how long ago: `24h`, `2026-11-22T09:00Z`."""

    name = "since"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read it, or say how it is written; without a zone it is UTC."""
        if isinstance(value, datetime):
            return value
        written = str(value)
        try:
            return datetime.now(UTC) - read_duration(written)
        except ValueError:
            pass  # no duration: an instant, then
        try:
            found = datetime.fromisoformat(written)
        except ValueError:
            self.fail('write how long ago, as "24h", or when, as "2026-11-22T09:00Z"', param, ctx)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


DURATION = DurationType()
SINCE = SinceType()


def short_age(age: timedelta) -> str:
    """Give an age in its largest whole unit: `45s`, `3m`, `7h`, `12d`."""
    seconds = max(0, int(age.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def readable(instant: datetime) -> str:
    """Give an instant for people, in UTC: `2026-11-22 19:00:00Z`."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
