"""A rig for a host application that runs already: certified over HTTP, from outside."""

import asyncio
import json
import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from external_gate.domain.charge import Payer
from external_gate.domain.errors import BadInput, Broken, Unavailable
from external_gate.domain.money import Money
from external_gate.domain.outcome import NotFound
from external_gate.gateways.adapter_loading import Adapter
from external_gate.testkit.fake_server import WireRequest, connect, send
from external_gate.testkit.outside_watch import InRealTime, OpenCharges
from external_gate.testkit.rig import Situation, Taking
from external_gate.testkit.stage import SharedCaller, Stage

DEFAULT_PAYERS = {
    Situation.SUCCEEDS: "pm_ok",
    Situation.DECLINED_SOFT: "pm_decline_soft",
    Situation.DECLINED_HARD: "pm_decline_hard",
    Situation.PENDING_THEN_SUCCEEDS: "pm_pending",
    Situation.PENDING_THEN_DECLINED: "pm_pending_then_declined",
    Situation.NEEDS_CUSTOMER: "pm_action",
    Situation.REJECTS_US: "pm_misconfigured",
}
"""Payment methods by which the example hosts are steered. Answers are lost by the kit's proxy."""

SETTLE_SECONDS = 2.0
"""For test hosts: `--pending-seconds 0.3` of the examples is final at their second look."""

REACH_SECONDS = 5.0


class OutsideRig:
    """The `http` adapter before somebody's host, in any language.

    `url` is the address of its charges, http or https; `ca` is a file with the authorities that
    its certificate is held against, the system's unless given. `payment_methods` say which one
    plays which situation. `books_url` gives its books, when it has a page for tests: a JSON list of
    `{"attempt_key", "charge_id", "minor", "currency", "refunds"}`, one per movement of money;
    without it nothing about money is counted, and the report says so. Nobody can move the host's
    clock: for a charge that is pending the kit waits up to `settle_seconds` of real time.
    `settings` are further keys of the `http` adapter, as the host is configured. Raises `Broken`.
    """

    key_header: str | None = "idempotency-key"

    def __init__(
        self,
        url: str,
        *,
        secret: str = "",
        payment_methods: Mapping[Situation, str] = DEFAULT_PAYERS,
        customer: str = "cus_certify",
        books_url: str | None = None,
        settle_seconds: float = SETTLE_SECONDS,
        ca: Path | None = None,
        **settings: object,
    ) -> None:
        for address in filter(None, (url, books_url)):
            _peer(address, ca)
        self.url, self._books_url = url, books_url
        self._secret = secret
        self._payers = {place: Payer(customer, to) for place, to in payment_methods.items()}
        self._settings = settings
        self._ca = ca
        self._open = OpenCharges(settle_seconds)

    @property
    def adapter(self) -> Adapter:
        """Give the `http` adapter in the host's own time."""
        return InRealTime(self._open)

    @property
    def secrets(self) -> Sequence[str]:
        """Give the host's secret."""
        return [self._secret] if self._secret else []

    @property
    def tls(self) -> ssl.SSLContext | None:
        """Give the authorities that the host's certificate is held against."""
        return _peer(self.url, self._ca)[2]

    @property
    def payers(self) -> Mapping[Situation, Payer]:
        """Give one payer per payment method."""
        return self._payers

    def settings(self, base_url: str) -> Mapping[str, object]:
        """Give the settings of the `http` adapter."""
        return {"timeout_seconds": 5, **self._settings, "url": base_url, "secret": self._secret}

    async def start(self) -> str | None:
        """Start nothing: it runs. Raises as `reach`."""
        await reach(self.url, ca=self._ca)
        return self.url

    async def stop(self) -> None:
        """Stop nothing."""

    async def advance(self, duration: timedelta) -> None:
        """Wait in real time where that can change something: a charge is open, or seen late."""
        wanted = [self._open.next_wait_seconds() if duration > timedelta(0) else 0.0]
        lag: object = self._settings.get("visibility_lag_seconds", 0)
        if isinstance(lag, int | float):
            wanted.append(min(duration.total_seconds(), float(lag)))
        await asyncio.sleep(max(wanted))

    async def takings(self) -> Sequence[Taking] | None:
        """Read the host's books.

        Raises `Unavailable` when nobody answers, `Broken` when they are not what they should be.
        """
        if self._books_url is None:
            return None
        answer = await _get(self._books_url, self._ca)
        try:
            told = json.loads(answer)
            if not isinstance(told, list):
                raise TypeError("no list")  # noqa: TRY301 - joins what else can be wrong with it
            return [
                Taking(
                    str(one["attempt_key"]),
                    str(one["charge_id"]),
                    Money(one["minor"], one["currency"]),
                    refunds=int(one.get("refunds", 0)),
                )
                for one in told
            ]
        except (ValueError, KeyError, TypeError, AttributeError, BadInput) as error:
            raise Broken(
                f"the books at {self._books_url} cannot be read ({type(error).__name__}); they "
                "must be a JSON list of attempt_key, charge_id, minor, currency, refunds"
            ) from error


async def preflight(rig: OutsideRig) -> None:
    """Ask a host about a charge that it never saw, before anything is charged.

    Raises `Unavailable` when nobody answers, `Broken` when the answer is not as agreed: a wrong
    address or secret is one sentence, not a hundred findings.
    """
    caller = SharedCaller()
    try:
        async with Stage(rig, f"preflight-{uuid4().hex}", caller) as stage:
            charge = stage.charge(next(iter(rig.payers.values())), Money(100, "USD"))
            answer = await stage.gateway.lookup(stage.sent(charge, None))
            await stage.takings()
    finally:
        await caller.aclose()
    if not isinstance(answer, NotFound):
        cause = getattr(answer, "cause", "") or type(answer).__name__
        raise Broken(
            f"{rig.url} does not answer 404 never_seen for a key that it never saw: {cause}; "
            "compare the address and the secret with those of the host"
        )


async def reach(url: str, *, ca: Path | None = None) -> None:
    """Connect once. Raises `Unavailable` when nobody listens, `Broken` for TLS of no use."""
    host, port, tls = _peer(url, ca)
    try:
        async with asyncio.timeout(REACH_SECONDS):
            _, writer = await connect(host, port, tls)
    except ssl.SSLCertVerificationError as error:
        raise Broken(
            f"the certificate of {host}:{port} is not trusted ({error.verify_message}); name the "
            "file of the authority that signed it: --ca FILE"
        ) from error
    except (ssl.SSLError, ConnectionResetError, ConnectionAbortedError) as error:
        raise Broken(f"{host}:{port} speaks no TLS that we understand; try http://") from error
    except (OSError, TimeoutError) as error:
        raise Unavailable(f"nobody listens at {host}:{port}; start the host") from error
    writer.close()


async def _get(url: str, ca: Path | None) -> bytes:
    host, port, tls = _peer(url, ca)
    parts = urlsplit(url)
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    try:
        async with asyncio.timeout(REACH_SECONDS):
            answer = await send(host, port, WireRequest("GET", path, {}), tls=tls)
    except (OSError, TimeoutError) as error:
        raise Unavailable(f"{url} gave no answer; is the host still running?") from error
    if answer.status != 200:
        raise Broken(f"{url} answered {answer.status}; does the host offer its books there?")
    return answer.body


def _peer(url: str, ca: Path | None) -> tuple[str, int, ssl.SSLContext | None]:
    """Give host, port and, for https, whom to trust. Raises `Broken`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Broken(f"{url} is no address that can be used; mend it") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise Broken(f"{url} is no http or https address that can be used; mend it")
    if parts.scheme == "http":
        return host, port or 80, None
    return host, port or 443, _authorities(ca)


@cache  # read once, not for every scenario: the system's file is long
def _authorities(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise Broken(f"the authorities in {ca} cannot be used: {error}; give a PEM file") from error
