"""`POST /api/v1/payers/{customer_id}/changed`: every answer, and what each leaves on disk."""

import asyncio
from typing import Any

import httpx
import pytest

from external_gate.testkit.store_checks.store_samples import W1, failed
from tests.databases import Database
from tests.web.conftest import TOKENS, Served

CUSTOMER = "customer-1"


async def tell(
    served: Served, customer_id: str = CUSTOMER, *, token: str = TOKENS["shop"], **request: Any
) -> httpx.Response:
    """Tell, as the host application does, that a payer changed."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    path = f"/api/v1/payers/{customer_id}/changed"
    return await served.client.post(path, headers=headers, **request)


async def told(served: Served) -> str:
    """Give who told that the payer changed, as it is on disk."""
    (found,) = await served.store.aftermaths([W1])
    return found.payer_change_told_by


async def test_it_is_on_disk_before_202(served: Served, database: Database) -> None:
    await failed(served.store)

    answer = await tell(served)

    assert (answer.status_code, answer.json()) == (202, {"result": "noted"})
    rows = database.by_hand("SELECT customer_id, told_by FROM payer_changes")
    assert [tuple(row) for row in rows] == [(CUSTOMER, "shop")]


@pytest.mark.parametrize(
    "token", ["", "wrong", TOKENS["shop"][:-1], TOKENS["shop"] + "x", "x" * 600]
)
async def test_without_a_good_token_nothing_is_noted(served: Served, token: str) -> None:
    await failed(served.store)

    answer = await tell(served, token=token)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert await told(served) == ""


@pytest.mark.parametrize("header", ["Basic c2hvcDp4", "Bearer", TOKENS["shop"], "Bearer \xe9"])
async def test_other_schemes_let_nobody_in(served: Served, header: str) -> None:
    await failed(served.store)

    path = f"/api/v1/payers/{CUSTOMER}/changed"
    headers = [(b"Authorization", header.encode("latin-1"))]
    answer = await served.client.post(path, headers=headers)

    assert answer.status_code == 401
    assert await told(served) == ""


async def test_viewer_changes_nothing(served: Served) -> None:
    await failed(served.store)

    answer = await tell(served, token=TOKENS["auditor"])

    assert answer.status_code == 403
    assert "auditor may only look" in answer.json()["detail"]
    assert await told(served) == ""


@pytest.mark.parametrize("customer_id", ["nobody", "x" * 201, "a%0Ab", "a%00b"])
async def test_customer_that_nobody_knows_is_404(served: Served, customer_id: str) -> None:
    await failed(served.store)

    assert (await tell(served, customer_id)).status_code == 404


async def test_body_does_not_matter_but_has_its_limits(served: Served) -> None:
    await failed(served.store)

    assert (await tell(served, content=b"anything")).status_code == 202
    assert (await tell(served, content=b"x" * 4097)).status_code == 413

    async def never_ends() -> Any:
        yield b"x"
        await asyncio.sleep(1)  # the server gives up before, at 0.4 s

    assert (await tell(served, content=never_ends())).status_code == 408


async def test_what_cannot_be_made_durable_is_to_be_told_again(
    served: Served, database: Database
) -> None:
    await failed(served.store)
    with database.locked():
        answer = await tell(served)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert await told(served) == ""


async def test_only_post_is_taken(served: Served) -> None:
    path = f"/api/v1/payers/{CUSTOMER}/changed"

    assert (await served.client.get(path)).status_code == 405
