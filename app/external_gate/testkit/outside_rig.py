"""A rig for a host application that runs already: certified over HTTP, from outside."""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from external_gate.domain.charge import Payer
from external_gate.domain.errors import BadInput, Broken
from external_gate.domain.money import Money
from external_gate.gateways.adapter_loading import Adapter
from external_gate.gateways.http_gateway import HttpGateway
from external_gate.testkit.fake_server import WireRequest, send
from external_gate.testkit.rig import Situation, Taking

DEFAULT_PAYERS = {
    Situation.SUCCEEDS: "pm_ok",
    Situation.DECLINED_SOFT: "pm_decline_soft",
    Situation.DECLINED_HARD: "pm_decline_hard",
}
"""Payment methods by which a test host is usually steered."""


class OutsideRig:
    """The `http` adapter before somebody's host, in any language.

    `url` is the address of its charges, plain http. `payment_methods` say which one plays which
    situation. `books_url` gives its books, when it has a page for tests: a JSON list of
    `{"attempt_key", "charge_id", "minor", "currency", "refunds"}`, one per movement of money;
    without it nothing about money is counted, and the report says so. Raises `Broken`.
    """

    adapter: Adapter = HttpGateway
    key_header: str | None = "idempotency-key"

    def __init__(
        self,
        url: str,
        *,
        secret: str = "",
        payment_methods: Mapping[Situation, str] = DEFAULT_PAYERS,
        books_url: str | None = None,
        **settings: object,
    ) -> None:
        for address in filter(None, (url, books_url)):
            parts = urlsplit(address)
            if parts.scheme != "http" or not parts.hostname:
                raise Broken(
                    f"{address} is not a plain http address; run the host without TLS, the kit's "
                    "proxy stands right before it"
                )
        self._url, self._books_url = url, books_url
        self._secret = secret
        self._methods = dict(payment_methods)
        self._settings = settings

    @property
    def secrets(self) -> Sequence[str]:
        """Give the host's secret."""
        return [self._secret] if self._secret else []

    @property
    def payers(self) -> Mapping[Situation, Payer]:
        """Give one payer per payment method."""
        return {place: Payer("cus_certify", method) for place, method in self._methods.items()}

    def settings(self, base_url: str) -> Mapping[str, object]:
        """Give the settings of the `http` adapter."""
        return {"timeout_seconds": 5, **self._settings, "url": base_url, "secret": self._secret}

    async def start(self) -> str | None:
        """Start nothing: it runs."""
        return self._url

    async def stop(self) -> None:
        """Stop nothing."""

    async def takings(self) -> Sequence[Taking] | None:
        """Read the host's books. Raises `Broken` when they are not what they should be."""
        if self._books_url is None:
            return None
        parts = urlsplit(self._books_url)
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        try:
            request = WireRequest("GET", path, {})
            answer = await send(parts.hostname or "", parts.port or 80, request)
            return [
                Taking(
                    str(one["attempt_key"]),
                    str(one["charge_id"]),
                    Money(one["minor"], one["currency"]),
                    refunds=int(one.get("refunds", 0)),
                )
                for one in json.loads(answer.body)
            ]
        except (OSError, ValueError, KeyError, TypeError, BadInput) as error:
            raise Broken(
                f"the books at {self._books_url} cannot be read ({type(error).__name__}); they "
                "must be a JSON list of attempt_key, charge_id, minor, currency, refunds"
            ) from error
