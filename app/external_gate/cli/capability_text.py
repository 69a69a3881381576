"""What a gateway promises, for programs and for people."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta

from external_gate.cli.moments import short_age
from external_gate.domain.charge import Cancel, Capabilities, Idempotency, Lookup

FEW_CURRENCIES = 6
"""More of them would hide the rest of the line."""


def capabilities_view(promised: Capabilities) -> dict[str, object]:
    """Give capabilities as JSON: every field by its name, times in seconds."""
    return dict(_viewed(field.name, getattr(promised, field.name)) for field in fields(promised))


def _viewed(name: str, value: object) -> tuple[str, object]:
    match value:
        case timedelta():
            return f"{name}_seconds", value.total_seconds()
        case frozenset():
            return name, sorted(value)
        case _:
            return name, value


def capabilities_line(promised: Capabilities) -> str:
    """Say on one line what a charge through this gateway can rely on."""
    return ", ".join(_said(promised))


def _said(promised: Capabilities) -> Iterator[str]:
    yield _currencies(promised.currencies)
    if promised.idempotency is Idempotency.NONE or not promised.window:
        yield "no usable key"
    else:
        kind = promised.idempotency.replace("_", " ")
        stored = promised.key_stores.replace("_", " ")
        yield f"{kind} for {short_age(promised.window)} storing {stored}"
    yield "no lookup" if promised.lookup is Lookup.NONE else f"lookup by {promised.lookup}"
    if promised.visibility_lag:
        yield f"seen after {short_age(promised.visibility_lag)}"
    cancel = promised.cancel.replace("_", " ")
    yield "no cancel" if promised.cancel is Cancel.NONE else f"cancel {cancel}"
    yield "refunds" if promised.refund else "no refunds"
    yield "notifies" if promised.notifies else "does not notify"
    yield f"answers within {short_age(promised.request_timeout)}"
    if promised.settles_at_most:
        yield f"settles within {short_age(promised.settles_at_most)}"
    if promised.failed_is_final_after:
        yield f"declines final after {short_age(promised.failed_is_final_after)}"


def _currencies(declared: frozenset[str] | None) -> str:
    if declared is None:
        return "every currency"
    shown = sorted(declared)[:FEW_CURRENCIES]
    more = len(declared) - len(shown)
    return " ".join(shown) + (f" and {more} more" if more else "")
