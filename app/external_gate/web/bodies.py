"""Bodies of requests, bounded in bytes and in time."""

import asyncio

from starlette.types import Receive

from external_gate.domain.errors import BadInput


class BodyTooLarge(BadInput):
    """The body is, or claims to be, larger than allowed."""


class BodyTooSlow(BadInput):
    """The body did not arrive in time, or the sender went away."""


POLITE_BYTES = 1024 * 1024
"""How much of a body that is too large is read and thrown away, so that its sender gets to read the
answer; past that the connection is simply closed."""


async def read_body(receive: Receive, *, limit_bytes: int, timeout_seconds: float) -> bytes:
    """Read a body of at most `limit_bytes` within `timeout_seconds`.

    Declared and chunked bodies are counted as they come; what lies above the limit is not kept.
    Raises `BodyTooLarge` and `BodyTooSlow`.
    """
    chunks: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(timeout_seconds):
            while more and size <= limit_bytes + POLITE_BYTES:
                chunk, more = await _next_chunk(receive)
                size += len(chunk)
                if size <= limit_bytes:
                    chunks.append(chunk)
    except TimeoutError as error:
        if size <= limit_bytes:
            raise BodyTooSlow(f"the body did not arrive within {timeout_seconds:g} s") from error
    if size > limit_bytes:
        raise BodyTooLarge(f"the body may have at most {limit_bytes} bytes")
    return b"".join(chunks)


async def _next_chunk(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise BodyTooSlow("the sender went away before the body was complete")
    return message.get("body", b""), message.get("more_body", False)
