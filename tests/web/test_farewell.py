"""A service that drains ends its connections in time and in words."""

from tests.web.conftest import Served


async def test_draining_service_ends_each_connection_with_its_answer(served: Served) -> None:
    before = await served.deliver(b'{"type": "webhooks.test", "id": "1"}')
    served.readiness.draining = True
    after = await served.deliver(b'{"type": "webhooks.test", "id": "2"}')

    assert (before.status_code, "connection" in before.headers) == (200, False)
    assert (after.status_code, after.headers["connection"]) == (200, "close")


async def test_refusal_is_a_farewell_too(served: Served) -> None:
    served.readiness.draining = True

    refused = await served.deliver(b"{}", secret="wrong")
    unknown = await served.client.get("/nowhere")

    assert (refused.status_code, refused.headers["connection"]) == (401, "close")
    assert (unknown.status_code, unknown.headers["connection"]) == (404, "close")
