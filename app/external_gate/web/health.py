"""Liveness, readiness and metrics.

Readiness says one thing: notifications can be stored. Metronome's and the gateways' trouble shows
in its body, in metrics and alerts, never in its status.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from external_gate.domain.clock import Clock
from external_gate.domain.errors import Unavailable
from external_gate.observe.metrics import Metrics
from external_gate.stores.store import Store


@dataclass(slots=True)
class Readiness:
    """Whether the service still wants requests."""

    draining: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """Answers the questions of orchestrators and of Prometheus."""

    store: Store
    clock: Clock
    metrics: Metrics
    readiness: Readiness
    running: Callable[[], int]
    """How many workflows are being worked on now."""

    async def livez(self, _request: Request) -> Response:
        """Say that the process answers; it looks at nothing else."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _request: Request) -> Response:
        """Say whether a notification could be stored now; a write proves it."""
        if self.readiness.draining:
            return JSONResponse({"ready": False, "why": "draining"}, status_code=503)
        try:
            await self.store.heartbeat(self.clock.now())
            counts = await self.store.counts()
        except Unavailable as error:
            return JSONResponse({"ready": False, "why": str(error)}, status_code=503)
        return JSONResponse(
            {
                "ready": True,
                "workflows": {str(state): number for state, number in counts.by_state.items()},
                "held": {str(reason): number for reason, number in counts.held.items()},
                "incidents": {str(kind): number for kind, number in counts.incidents.items()},
                "inbox": counts.inbox,
                "running": self.running(),
            }
        )

    async def metricsz(self, _request: Request) -> Response:
        """Give every metric in Prometheus' text format."""
        # The counters are worth having even while the database is away.
        with suppress(Unavailable):
            self.metrics.set_counts(await self.store.counts(), self.clock.now())
        body, media_type = self.metrics.render()
        return Response(body, media_type=media_type)
