"""What the core holds an adapter's declared capabilities to; pure functions for the engine."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import timedelta
from enum import StrEnum

from external_gate.domain.charge import (
    Cancel,
    Capabilities,
    Charge,
    Idempotency,
    KeyStores,
    Lookup,
)
from external_gate.domain.currencies import EXPONENTS
from external_gate.domain.identifiers import ATTEMPT_KEY_LENGTH


def refusal(capabilities: Capabilities, charge: Charge) -> str | None:
    """Tell why this charge must not be sent to such a gateway; None when it may.

    To be asked before `build`, before anything is frozen. The sentence is for a person.
    """
    currencies = capabilities.currencies
    if currencies is not None and charge.amount.currency not in currencies:
        declared = ", ".join(sorted(currencies))
        return f"the gateway does not charge {charge.amount.currency}, only {declared}"
    if charge.amount.minor <= 0:
        return f"{charge.amount} is nothing to charge"
    return _key_refusal(charge.attempt_key, longest=capabilities.key_longest)


def check_capabilities(capabilities: Capabilities) -> list[str]:
    """Name every declaration that cannot be, such as a window without a key.

    To be asked at start: a gateway with a contradiction must not be used. Careful is no
    contradiction; a gateway that can do nothing but charge is a legal one.
    """
    # Of values of the wrong type nothing more can be said.
    if mistyped := list(_mistyped(capabilities)):
        return mistyped
    return [sentence for rule in _RULES for sentence in rule(capabilities)]


def _key_refusal(key: str, *, longest: int) -> str | None:
    if len(key) > longest:
        return f"the attempt key has {len(key)} characters, the gateway takes {longest}"
    # What every gateway takes as a key and as a reference, and every header carries.
    if not (key.isascii() and key.isalnum()):
        return "the attempt key is not made of letters and digits alone"
    return None


def _mistyped(capabilities: Capabilities) -> Iterator[str]:
    """Compare with the types of the defaults: the engine tells members apart by identity.

    So a plain string "none" would count as an idempotency that it is not.
    """
    careful = Capabilities()
    for field in fields(Capabilities):
        value = getattr(capabilities, field.name)
        default = getattr(careful, field.name)
        if default is not None and type(value) is not type(default):
            yield f"{field.name} must be of type {type(default).__name__}"
    declared: object = capabilities.currencies
    if declared is not None and not isinstance(declared, frozenset):
        yield "currencies must be None or a frozenset of codes"


def _durations(capabilities: Capabilities) -> Iterator[str]:
    for field in fields(Capabilities):
        value = getattr(capabilities, field.name)
        if isinstance(value, timedelta) and value < timedelta(0):
            yield f"{field.name} is negative"
    if capabilities.request_timeout == timedelta(0):
        yield "request_timeout is 0; no call could ever end"
    if capabilities.settles_typically > capabilities.settles_at_most:
        yield "settles_typically is longer than settles_at_most"


def _keys(capabilities: Capabilities) -> Iterator[str]:
    if capabilities.key_longest < ATTEMPT_KEY_LENGTH:
        yield (
            f"key_longest is {capabilities.key_longest}, but attempt keys have"
            f" {ATTEMPT_KEY_LENGTH} characters; no charge could be sent"
        )
    if capabilities.idempotency is Idempotency.NONE:
        yield from _without_idempotency(capabilities)


def _without_idempotency(capabilities: Capabilities) -> Iterator[str]:
    claims = {
        "window": capabilities.window > timedelta(0),
        "key_stores": capabilities.key_stores is not KeyStores.NOTHING,
        "lookup": capabilities.lookup is Lookup.REPLAY,
        "cancel": capabilities.cancel is Cancel.BY_KEY,
    }
    for name, claimed in claims.items():
        if claimed:
            value = getattr(capabilities, name)
            shown = value.value if isinstance(value, StrEnum) else value
            yield f"{name} is {shown}, which needs a key, but idempotency is none"


def _replay(capabilities: Capabilities) -> Iterator[str]:
    if capabilities.lookup is not Lookup.REPLAY:
        return
    if capabilities.idempotency is Idempotency.NONE:
        return  # said already
    if capabilities.key_stores is KeyStores.NOTHING:
        yield "lookup is replay, but key_stores is nothing; there is no answer to replay"
    if capabilities.window <= timedelta(0):
        yield "lookup is replay, but window is 0; no replay would ever be allowed"


def _currencies(capabilities: Capabilities) -> Iterator[str]:
    currencies = capabilities.currencies
    if currencies is None:
        return
    if not currencies:
        yield "currencies is empty; None allows every one"
    unknown = sorted(str(code) for code in currencies if code not in EXPONENTS)
    if unknown:
        yield f"currencies holds {', '.join(unknown)}, which cannot be charged"


def _declines(capabilities: Capabilities) -> Iterator[str]:
    if capabilities.failed_is_final_after <= timedelta(0) or capabilities.lookup is Lookup.QUERY:
        return
    yield (
        f"failed_is_final_after is {capabilities.failed_is_final_after}, but lookup is"
        f" {capabilities.lookup.value}; nobody could learn whether a decline has stayed one"
    )


_RULES: tuple[Callable[[Capabilities], Iterator[str]], ...] = (
    _durations,
    _keys,
    _replay,
    _declines,
    _currencies,
)
