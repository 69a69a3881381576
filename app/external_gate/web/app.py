"""The application: which path leads where."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from external_gate.web.health import Health
from external_gate.web.problems import from_exception
from external_gate.web.webhooks import MetronomeWebhook


def create_app(webhook: MetronomeWebhook, health: Health) -> Starlette:
    """Put the faces together; nothing here opens or starts anything."""
    return Starlette(
        routes=[
            Route("/webhooks/metronome", webhook.receive, methods=["POST"]),
            Route("/livez", health.livez, methods=["GET"]),
            Route("/readyz", health.readyz, methods=["GET"]),
            Route("/metrics", health.metricsz, methods=["GET"]),
        ],
        exception_handlers={HTTPException: from_exception, Exception: from_exception},
    )
