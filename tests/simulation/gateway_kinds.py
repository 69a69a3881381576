"""Every capability class of gateways, each with what such a gateway really does."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from external_gate.domain.charge import Cancel, Capabilities, Idempotency, KeyStores, Lookup
from external_gate.gateways.enforcement import check_capabilities
from tests.simulation.chances import Chances

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class GatewayKind:
    """What a gateway promises, and the habits that its promise leaves open."""

    capabilities: Capabilities
    conclusive: bool = True
    """Whether its lookup promises that what it does not find was not accepted."""
    asynchronous: bool = False
    """Whether charges are often pending at first."""
    may_never_decide: bool = False
    asks_customers: bool = False
    stores_failures: bool = False
    """Whether a 5xx is stored under its key and replayed, as some gateways do."""
    replays_first_answer: bool = False
    """Whether a repeat gives the stored answer even when the charge has moved on since."""


_FULL = Capabilities(
    idempotency=Idempotency.NATIVE,
    window=timedelta(hours=24),
    key_stores=KeyStores.EVERY_ANSWER,
    lookup=Lookup.QUERY,
    request_timeout=timedelta(seconds=20),
    cancel=Cancel.BY_KEY,
    refund=True,
    notifies=True,
)
_NO_KEY = replace(
    _FULL,
    idempotency=Idempotency.NONE,
    window=timedelta(0),
    key_stores=KeyStores.NOTHING,
    cancel=Cancel.NONE,
)
_SUCCESS_ONLY = replace(_FULL, key_stores=KeyStores.SUCCESS_ONLY, cancel=Cancel.BY_CHARGE)


def _lagging(capabilities: Capabilities) -> Capabilities:
    return replace(capabilities, visibility_lag=timedelta(seconds=45))


def _slow(capabilities: Capabilities) -> Capabilities:
    return replace(capabilities, settles_typically=HOUR, settles_at_most=6 * HOUR)


GATEWAY_KINDS: Mapping[str, GatewayKind] = {
    "every_answer": GatewayKind(_FULL),
    "every_answer_replay": GatewayKind(
        replace(_FULL, lookup=Lookup.REPLAY, cancel=Cancel.NONE), stores_failures=True
    ),
    "every_answer_no_lookup": GatewayKind(replace(_FULL, lookup=Lookup.NONE, refund=False)),
    "inconclusive_lookup": GatewayKind(
        replace(_FULL, cancel=Cancel.BY_CHARGE), conclusive=False, stores_failures=True
    ),
    "success_only": GatewayKind(_SUCCESS_ONLY),
    "success_only_lagging": GatewayKind(_lagging(_SUCCESS_ONLY)),
    "success_only_replay": GatewayKind(
        replace(_SUCCESS_ONLY, lookup=Lookup.REPLAY, cancel=Cancel.NONE)
    ),
    "key_stores_nothing": GatewayKind(
        replace(_FULL, key_stores=KeyStores.NOTHING, cancel=Cancel.BY_CHARGE)
    ),
    "natural_key": GatewayKind(
        replace(_SUCCESS_ONLY, idempotency=Idempotency.NATURAL_KEY, window=30 * 24 * HOUR)
    ),
    "short_window": GatewayKind(_lagging(replace(_FULL, window=2 * HOUR))),
    "short_window_replay": GatewayKind(
        replace(_FULL, window=2 * HOUR, lookup=Lookup.REPLAY, cancel=Cancel.NONE)
    ),
    "no_key_lagging": GatewayKind(_lagging(_NO_KEY)),
    "no_key_nothing": GatewayKind(
        replace(_NO_KEY, lookup=Lookup.NONE, refund=False, notifies=False)
    ),
    "async_cancel_by_key": GatewayKind(
        _slow(_FULL), asynchronous=True, may_never_decide=True, asks_customers=True
    ),
    "async_cancel_by_charge": GatewayKind(
        _slow(_SUCCESS_ONLY), asynchronous=True, may_never_decide=True
    ),
    "async_no_cancel": GatewayKind(
        _slow(replace(_FULL, cancel=Cancel.NONE)), asynchronous=True, may_never_decide=True
    ),
    "async_replay": GatewayKind(
        _slow(replace(_FULL, lookup=Lookup.REPLAY, cancel=Cancel.NONE)),
        asynchronous=True,
        replays_first_answer=True,
    ),
    "late_authorisation": GatewayKind(
        replace(
            _SUCCESS_ONLY,
            idempotency=Idempotency.NATURAL_KEY,
            window=10 * 24 * HOUR,
            failed_is_final_after=8 * HOUR,
        )
    ),
    "late_authorisation_by_key": GatewayKind(replace(_FULL, failed_is_final_after=8 * HOUR)),
}
"""By the name under which tests and the campaign ask for them."""

DRAWN = "drawn"
"""The class that is drawn anew for every seed."""

CLASSES = (*GATEWAY_KINDS, DRAWN)


def kind_for(name: str, chances: Chances) -> GatewayKind:
    """Give the gateway of a class; `DRAWN` mixes capabilities as no table thinks of."""
    if name != DRAWN:
        return GATEWAY_KINDS[name]
    while True:
        kind = _drawn(chances)
        if not check_capabilities(kind.capabilities):
            return kind


def _drawn(chances: Chances) -> GatewayKind:
    draw = chances.random.choice
    settles = draw((timedelta(0), timedelta(0), 3 * HOUR))
    lookup = draw(tuple(Lookup))
    capabilities = Capabilities(
        idempotency=draw(tuple(Idempotency)),
        window=draw((timedelta(0), HOUR, 24 * HOUR, 30 * 24 * HOUR)),
        key_stores=draw(tuple(KeyStores)),
        lookup=lookup,
        visibility_lag=timedelta(seconds=draw((0, 0, 45, 120))),
        request_timeout=timedelta(seconds=draw((5, 20, 30))),
        settles_at_most=settles,
        failed_is_final_after=draw((timedelta(0), timedelta(0), 5 * HOUR)),
        cancel=draw(tuple(Cancel)),
        refund=draw((True, False)),
        notifies=draw((True, False)),
    )
    return GatewayKind(
        capabilities,
        conclusive=draw((True, False)),
        asynchronous=bool(settles),
        may_never_decide=bool(settles),
        asks_customers=draw((True, False)),
        stores_failures=draw((True, False)),
    )
