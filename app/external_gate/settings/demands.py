"""What knobs demand of each other, and what must be given because no default can know it."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from external_gate.domain.aftermath import Way
from external_gate.domain.forwarding import DEFAULT_NAME, KEPT_HERE
from external_gate.domain.public_address import is_plainly_private
from external_gate.settings.faulty import Fault, did_you_mean
from external_gate.settings.model import DEFAULT_ENDPOINT, NoticeEndpoint, Settings


def unmet(settings: Settings) -> list[Fault]:
    """Give every demand that the settings do not meet."""
    return [fault for demand in _DEMANDS for fault in demand(settings)]


def _metronome(settings: Settings) -> Iterator[Fault]:
    metronome = settings.metronome
    if not metronome.api_token.get_secret_value():
        yield Fault(
            "metronome.api_token",
            "is empty",
            "make a token in Metronome and give it, or its file in"
            " EXTERNAL_GATE_METRONOME__API_TOKEN_FILE",
        )
    if not metronome.webhook_secrets:
        yield Fault(
            "metronome.webhook_secrets",
            "holds no secret",
            "give the secret of Metronome's webhook, or a file with one a line in"
            " EXTERNAL_GATE_METRONOME__WEBHOOK_SECRETS_FILE",
        )
    if not metronome.verify_invoice and metronome.unverified_unit is None:
        yield Fault(
            "metronome.unverified_unit",
            "is empty although verify_invoice is false",
            'say in which unit amounts come: "cents" or "whole"',
        )
    if metronome.act_limit_hours > metronome.keep_limit_hours:
        yield Fault(
            "metronome.act_limit_hours", "is above keep_limit_hours", "lower it, or raise the other"
        )


def _gateways(settings: Settings) -> Iterator[Fault]:
    if not settings.gateways:
        yield Fault(
            "gateways",
            "there is none",
            'add a table such as [gateways.main] with adapter = "http" and its keys',
        )
    for name, gateway in settings.gateways.items():
        if not gateway.adapter:
            yield Fault(f"gateways.{name}.adapter", "is missing", 'name one, such as "http"')
        yield from _timeout(settings, name, timeout_seconds=gateway.timeout_seconds)


def _timeout(settings: Settings, name: str, *, timeout_seconds: float) -> Iterator[Fault]:
    """A call that outlives lease or drain would be taken over, or cut off, while on the wire."""
    worker = settings.worker
    limits = {"lease_seconds": worker.lease_seconds, "drain_seconds": worker.drain_seconds}
    for limit, seconds in limits.items():
        if timeout_seconds >= seconds:
            yield Fault(
                f"gateways.{name}.timeout_seconds",
                f"is {timeout_seconds:g}, not below worker.{limit}, which is {seconds:g}",
                f"lower it, or raise worker.{limit}",
            )


def _gateway_names(settings: Settings) -> Iterator[Fault]:
    if not settings.gateways:
        return
    named = [("routing.default", settings.routing.default)]
    named += [("guards.paused_gateways", name) for name in settings.guards.paused_gateways]
    for key, name in named:
        if name not in settings.gateways:
            meant = did_you_mean(name, settings.gateways)
            known = ", ".join(settings.gateways)
            cure = f"did you mean {meant}?" if meant else f"name one of the gateways: {known}"
            yield Fault(key, "names no gateway of the configuration", cure)


def _store(settings: Settings) -> Iterator[Fault]:
    store = settings.store
    usual = type(store).model_fields["namespace"].default
    if store.url.startswith("sqlite:") and store.namespace != usual:
        yield Fault(
            "store.namespace",
            "is given although a SQLite file has only one",
            "delete it, and give each Metronome account a file of its own",
        )


def _outbound(settings: Settings) -> Iterator[Fault]:
    if settings.outbound.transport == "direct" and settings.outbound.trust_env:
        yield Fault(
            "outbound.transport",
            'is "direct" although trust_env is true',
            'say "auto" or "httpx" for proxies, or set trust_env = false',
        )


def _payers(settings: Settings) -> Iterator[Fault]:
    if settings.payers.source == "http" and not settings.payers.url:
        yield Fault("payers.url", 'is empty although source is "http"', "give the address to ask")


def _after_failed(settings: Settings) -> Iterator[Fault]:
    knobs = settings.after_failed
    ways = {"soft", "hard", "customer_action", "no_decline"}
    wanted = sorted(name for name in ways if getattr(knobs, name) is Way.SCHEDULE)
    if wanted and not knobs.schedule:
        yield Fault(
            "after_failed.schedule",
            f'is empty although {wanted[0]} is "schedule"',
            'say after which times to switch on, such as ["1d", "3d"]',
        )


def _notices(settings: Settings) -> Iterator[Fault]:
    notices = settings.notices
    if notices.url and not notices.secret.get_secret_value():
        yield Fault("notices.secret", "is empty although url is given", "give the signing secret")
    if notices.url and DEFAULT_ENDPOINT in notices.endpoints:
        yield Fault(
            f"notices.{DEFAULT_ENDPOINT}",
            "is the name of the endpoint in [notices] itself",
            "give it another name, or delete notices.url",
        )
    yield from _not_private("notices", notices.url, allowed=notices.allow_private)
    for name, endpoint in notices.endpoints.items():
        yield from _endpoint(f"notices.{name}", endpoint, settings.worker.drain_seconds)


def _endpoint(key: str, endpoint: NoticeEndpoint, drain_seconds: float) -> Iterator[Fault]:
    if endpoint.sink == "webhook" and not endpoint.url:
        yield Fault(f"{key}.url", "is empty", "give the address that receives notices")
    if endpoint.sink == "webhook" and not endpoint.secrets:
        yield Fault(f"{key}.secrets", "holds no secret", "give the signing secret")
    yield from _in_time(key, endpoint.timeout_seconds, drain_seconds)
    yield from _not_private(key, endpoint.url, allowed=endpoint.allow_private)


def _forward(settings: Settings) -> Iterator[Fault]:
    forward = settings.forward
    if forward.url and DEFAULT_NAME in forward.endpoints:
        yield Fault(
            f"forward.{DEFAULT_NAME}",
            "is the name of the endpoint in [forward] itself",
            "give it another name, or delete forward.url",
        )
    yield from _kept_here("forward", forward.types)
    yield from _not_private("forward", forward.url, allowed=forward.allow_private)
    for name, endpoint in forward.endpoints.items():
        key = f"forward.{name}"
        if not endpoint.url:
            yield Fault(f"{key}.url", "is empty", "give the address that receives notifications")
        yield from _kept_here(key, endpoint.types)
        yield from _in_time(key, endpoint.timeout_seconds, settings.worker.drain_seconds)
        yield from _not_private(key, endpoint.url, allowed=endpoint.allow_private)


def _kept_here(key: str, types: Sequence[str]) -> Iterator[Fault]:
    if KEPT_HERE in types:
        yield Fault(
            f"{key}.types",
            f"names {KEPT_HERE}, which is never forwarded: it is acted on here",
            "leave it out, and take the notices workflow.* of [notices] instead",
        )


def _in_time(key: str, timeout_seconds: float, drain_seconds: float) -> Iterator[Fault]:
    if timeout_seconds >= drain_seconds:
        yield Fault(
            f"{key}.timeout_seconds",
            f"is {timeout_seconds:g}, not below worker.drain_seconds, which is {drain_seconds:g}",
            "lower it, or raise worker.drain_seconds",
        )


def _not_private(key: str, url: str, *, allowed: bool) -> Iterator[Fault]:
    """What a name leads to is judged at every try; what says it itself, at once."""
    if url and not allowed and is_plainly_private(url):
        yield Fault(
            f"{key}.url",
            "leads into a private network",
            f"set {key}.allow_private = true if your application is there",
        )


def _breaker(settings: Settings) -> Iterator[Fault]:
    """A breaker that opens within the tries of one workflow would stop its own schedule."""
    declines, waits = settings.guards.breaker_declines, settings.retry.soft_decline_schedule
    if 0 < declines <= len(waits):
        yield Fault(
            "guards.breaker_declines",
            f"is {declines}, so that the last of the {len(waits)} retries of "
            "retry.soft_decline_schedule would wait for another payment method",
            f"raise it above {len(waits)}, or shorten the schedule",
        )


def _caps(settings: Settings) -> Iterator[Fault]:
    """A cap of a currency that is never charged is a typing error that protects nobody."""
    guards = settings.guards
    for currency in guards.caps:
        if guards.currencies and currency not in guards.currencies:
            yield Fault(
                f"guards.caps.{currency}",
                "is of a currency that guards.currencies does not allow",
                "delete it, or allow the currency",
            )


def _operators(settings: Settings) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    for name, operator in settings.operators.people.items():
        key = f"operators.{name}.token_sha256"
        digest = operator.token_sha256.get_secret_value()
        if not digest:
            yield Fault(key, "is empty", "give the SHA-256 of the operator's token")
        elif digest in owners:
            yield Fault(key, f"is also that of {owners[digest]}", "give each a token of their own")
        owners.setdefault(digest, name)


_DEMANDS: tuple[Callable[[Settings], Iterable[Fault]], ...] = (
    _metronome,
    _gateways,
    _gateway_names,
    _store,
    _outbound,
    _payers,
    _after_failed,
    _notices,
    _forward,
    _breaker,
    _caps,
    _operators,
)
