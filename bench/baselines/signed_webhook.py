"""The endpoint that all baselines share: check the signature, keep the body somehow, answer."""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bench.load.notifications import PATH, SECRET

Keep = Callable[[str, bytes], Awaitable[None]]
"""Keeps a notification, by its id; returns when it is durable."""


def signed_app(keep: Keep | None) -> Starlette:
    """Give an application; without `keep` nothing is stored, nor is the body read as JSON."""

    async def webhook(request: Request) -> Response:
        body = await request.body()
        if not is_signed(request, body):
            return JSONResponse({"error": "wrong signature"}, status_code=401)
        if keep is not None:
            await keep(json.loads(body)["id"], body)
        return JSONResponse({"result": "recorded"})

    return app_with(webhook)


def app_with(webhook: Callable[[Request], Awaitable[Response]]) -> Starlette:
    """Give an application with one webhook, and a path that tells that it runs."""

    async def livez(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    return Starlette(
        routes=[Route(PATH, webhook, methods=["POST"]), Route("/livez", livez, methods=["GET"])]
    )


def is_signed(request: Request, body: bytes) -> bool:
    """Tell whether Metronome has signed a body."""
    message = request.headers["x-metronome-date"].encode() + b"\n" + body
    wanted = hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, request.headers["metronome-webhook-signature"])
