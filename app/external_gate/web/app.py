"""The application: which path leads where."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp

from external_gate.web.farewell import Farewell
from external_gate.web.front_door import METRONOME_PATH, FrontDoor
from external_gate.web.gateway_webhooks import GatewayWebhook
from external_gate.web.health import Health
from external_gate.web.payer_changes import PATH as PAYER_CHANGED_PATH
from external_gate.web.payer_changes import PayerChanges
from external_gate.web.problems import from_exception
from external_gate.web.webhooks import MetronomeWebhook


def create_app(
    webhook: MetronomeWebhook,
    gateway_webhook: GatewayWebhook,
    payer_changes: PayerChanges,
    health: Health,
) -> ASGIApp:
    """Put the faces together; nothing here opens or starts anything."""
    app = Starlette(
        routes=[
            Route(METRONOME_PATH, webhook, methods=["POST"]),
            Route("/webhooks/gateways/{name}", gateway_webhook.receive, methods=["POST"]),
            Route(PAYER_CHANGED_PATH, payer_changes.receive, methods=["POST"]),
            Route("/livez", health.livez, methods=["GET"]),
            Route("/readyz", health.readyz, methods=["GET"]),
            Route("/metrics", health.metricsz, methods=["GET"]),
        ],
        exception_handlers={HTTPException: from_exception, Exception: from_exception},
    )
    # A path with a slash too many is another one: 404, not a redirect to wherever `Host` says.
    app.router.redirect_slashes = False
    busy = ServerErrorMiddleware(webhook, handler=from_exception)
    return Farewell(FrontDoor(busy, app), health.readiness)
