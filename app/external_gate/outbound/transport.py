"""The one place that makes callers: which way out is taken, and whose certificates are believed."""

from dataclasses import dataclass
from typing import Literal

from external_gate.domain.clock import Clock, HighWater
from external_gate.outbound.calls import Timeouts
from external_gate.outbound.direct_caller import DirectCaller
from external_gate.outbound.httpx_caller import HttpxCaller
from external_gate.outbound.tls import tls_context

Transport = Literal["auto", "direct", "httpx"]

OwnCaller = DirectCaller | HttpxCaller
"""A caller that is ours to close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """What is configured; the defaults suit a machine that reaches everybody by itself."""

    transport: Transport = "auto"
    trust_env: bool = False
    """Whether proxies and authorities are taken from the environment."""
    authorities: str = ""
    """File with authorities beside the public ones; empty for none."""
    certificate: str = ""
    """File with a certificate of ours and its key; empty for none."""

    @property
    def is_direct(self) -> bool:
        """Tell which is chosen: bare sockets, or else httpx, which alone knows proxies."""
        return self.transport != "httpx" and not self.trust_env


class CallerMaker:
    """Makes callers that share what is slow to read: the authorities.

    Raises `Broken` for a file that cannot be used.
    """

    def __init__(self, way: WayOut | None = None) -> None:
        self._way = way or WayOut()
        self._tls = tls_context(
            trust_env=self._way.trust_env,
            authorities=self._way.authorities,
            certificate=self._way.certificate,
        )

    def make(
        self,
        clock: Clock,
        *,
        high_water: HighWater | None,
        believes_dates: bool = True,
        timeouts: Timeouts,
        max_connections: int,
    ) -> OwnCaller:
        """Make one caller; what the arguments mean stands there."""
        if self._way.is_direct:
            return DirectCaller(
                clock,
                high_water=high_water,
                believes_dates=believes_dates,
                timeouts=timeouts,
                max_connections=max_connections,
                tls=self._tls,
            )
        return HttpxCaller(
            clock,
            high_water=high_water,
            believes_dates=believes_dates,
            timeouts=timeouts,
            max_connections=max_connections,
            trust_env=self._way.trust_env,
            tls=self._tls,
        )
