"""The running emulator: the app, its routes, and the server that can also drop connections."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from external_gate.emulator import contract_calls, customer_calls
from external_gate.emulator.books import Books
from external_gate.emulator.call import Reply
from external_gate.emulator.connections import DroppableProtocol
from external_gate.emulator.control_calls import Controls
from external_gate.emulator.courier import Courier, WebhookTarget
from external_gate.emulator.delivery import Outbox
from external_gate.emulator.emulated_time import EmulatedTime
from external_gate.emulator.faults import FaultDesk
from external_gate.emulator.front_door import ApiRoute, FrontDoor, respond
from external_gate.emulator.knobs import EmulatorSettings
from external_gate.emulator.replays import Replays

API = (
    ApiRoute("POST", "/v1/customers", customer_calls.create_customer),
    ApiRoute("GET", "/v1/customers", customer_calls.list_customers, "customer"),
    ApiRoute("GET", "/v1/customers/{customer_id}", customer_calls.retrieve_customer, "customer"),
    ApiRoute(
        "GET", "/v1/customers/{customer_id}/invoices", contract_calls.list_invoices, "invoice"
    ),
    ApiRoute(
        "GET",
        "/v1/customers/{customer_id}/invoices/{invoice_id}",
        contract_calls.retrieve_invoice,
        "invoice",
    ),
    ApiRoute("POST", "/v1/customFields/addKey", customer_calls.add_field_key),
    ApiRoute("POST", "/v1/customFields/listKeys", customer_calls.list_field_keys),
    ApiRoute("POST", "/v1/customFields/setValues", customer_calls.set_field_values),
    ApiRoute("POST", "/v1/ingest", customer_calls.ingest, "ingest"),
    ApiRoute("GET", "/v1/credit-types/list", customer_calls.list_credit_types),
    ApiRoute("GET", "/v1/services", customer_calls.list_services),
    ApiRoute("POST", "/v1/contracts/create", contract_calls.create_contract),
    ApiRoute("POST", "/v2/contracts/get", contract_calls.retrieve_contract, "contract"),
    ApiRoute("POST", "/v2/contracts/list", contract_calls.list_contracts, "contract"),
    ApiRoute(
        "POST",
        "/v2/contracts/edit",
        contract_calls.edit_contract,
        "edit",
        ignore=contract_calls.ignore_contract_edit,
    ),
    ApiRoute("POST", "/v2/contracts/getEditHistory", contract_calls.list_edits),
    ApiRoute("POST", "/v1/contract-pricing/rate-cards/get", contract_calls.retrieve_rate_card),
    ApiRoute("POST", "/v1/contracts/customerBalances/getNetBalance", contract_calls.net_balance),
    ApiRoute("POST", "/v1/contracts/customerBalances/list", contract_calls.list_balances),
    ApiRoute(
        "POST", "/v1/contracts/commits/threshold-billing/release", contract_calls.release, "release"
    ),
)


def create_app(settings: EmulatorSettings) -> Starlette:
    """Build the emulator; its webhooks are carried while the app's lifespan runs."""
    time = EmulatedTime(speed=settings.speed)
    # Seed 0 stands for fresh randomness; see EmulatorSettings.
    rng = random.Random(settings.seed or None)  # noqa: S311 - ids and jitter of a test tool
    books = Books(rng, Outbox(rng))
    faults = FaultDesk()
    target = WebhookTarget(settings.webhook_url, settings.webhook_secret)
    courier = Courier(books.outbox, time, faults, target)
    door = FrontDoor(books, time, faults, Replays(), settings.token, courier.wake)
    controls = Controls(books, time, faults, courier)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            carrying = tasks.create_task(courier.run())
            yield
            carrying.cancel()

    return Starlette(
        routes=[*(_route(door, each) for each in API), *controls.routes()],
        exception_handlers={HTTPException: _as_metronome_says_it},
        lifespan=lifespan,
    )


def make_server(settings: EmulatorSettings) -> uvicorn.Server:
    """Build a server for the emulator; `run()` it, or `run(sockets=[…])` on sockets of your own."""
    return uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            host=settings.host,
            port=settings.port,
            http=DroppableProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=2,  # seconds: a slow fault must not hold up the end
        )
    )


def serve(settings: EmulatorSettings, *, sockets: Sequence[socket.socket] | None = None) -> None:
    """Run the emulator until SIGINT or SIGTERM; it blocks."""
    make_server(settings).run(sockets=None if sockets is None else list(sockets))


def _route(door: FrontDoor, route: ApiRoute) -> Route:
    async def endpoint(request: Request) -> Response:
        return await door.answer(request, route)

    return Route(route.path, endpoint, methods=[route.method])


def _as_metronome_says_it(request: Request, exc: Exception) -> Response:
    status = exc.status_code if isinstance(exc, HTTPException) else 500
    return respond(Reply(status, {"message": f"{request.method} {request.url.path}: {status}"}))
