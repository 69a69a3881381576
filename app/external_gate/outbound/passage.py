"""How far one request got: the witness that decides between "never sent" and "may have arrived".

It listens to the events that httpcore reports while it works (its `trace` extension), because an
exception's class alone does not tell on which side of the first byte it was raised.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from external_gate.outbound.calls import NeverSent, SentUnanswered
from external_gate.outbound.departure import DeadlinePassed

# httpcore 1.0: reported directly before the first bytes of a request are written.
FIRST_BYTES = "http11.send_request_headers.started"
# Events of building the way to the peer: sockets, proxies and TLS carry no byte of the request.
WAY_EVENTS = ("connection.", "proxy.", "socks.")
# A proxy answered our CONNECT, and the tunnel to the real peer is about to be wrapped in TLS.
TUNNEL_READY = "proxy.start_tls.started"


class Passage:
    """What is known about one request's way out.

    "Never sent" needs positive proof: the request was not handed over, or we kept it back, or the
    way was seen being built and the first bytes were not. An event nobody foresaw counts as sent,
    so a changed httpcore can cost a lookup but never a false proof.
    """

    def __init__(self, now: Callable[[], datetime], not_after: datetime | None) -> None:
        self._now = now
        self._not_after = not_after
        self._handed_over = False
        self._way_seen = False
        self._in_tunnel = False
        self._kept_back = False
        self._began = False

    def hand_over(self) -> None:
        """Note that from here on the HTTP library has the request, and only its events are proof.

        Raises `DeadlinePassed` when it is too late already.
        """
        self._keep_back_when_late()
        self._handed_over = True

    async def trace(self, event: str, facts: Mapping[str, object]) -> None:
        """Take one event; raises `DeadlinePassed` instead of letting the first bytes go late."""
        if event == FIRST_BYTES:
            self._before_first_bytes(facts)
        elif event.startswith(WAY_EVENTS):
            self._way_seen = True
            self._in_tunnel = self._in_tunnel and event != TUNNEL_READY
        elif not self._in_tunnel:
            self._began = self._began or not self._kept_back

    def end(self, cause: str) -> NeverSent | SentUnanswered:
        """Name the end of a call without an answer."""
        proven = not self._handed_over or self._kept_back or self._way_seen
        return NeverSent(cause) if proven and not self._began else SentUnanswered(cause)

    def _before_first_bytes(self, facts: Mapping[str, object]) -> None:
        if getattr(facts.get("request"), "method", None) == b"CONNECT":
            # Words to a proxy: the request itself waits until the tunnel stands.
            self._way_seen = self._in_tunnel = True
            return
        self._keep_back_when_late()
        self._began = True

    def _keep_back_when_late(self) -> None:
        if self._not_after is not None and self._now() >= self._not_after:
            self._kept_back = True
            raise DeadlinePassed("send deadline passed")
