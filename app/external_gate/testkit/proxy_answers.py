"""The answers that a fault proxy makes up, and what it does to those of the fake."""

import json
from collections.abc import Sequence

from external_gate.testkit.fake_server import WireAnswer, WireRequest, json_answer
from external_gate.testkit.proxy_faults import ProxyFault

HUGE_BYTES = 3 * 1024 * 1024
"""Well over what the caller of an adapter reads."""

HTML = {"content-type": "text/html; charset=utf-8"}
JSON = {"content-type": "application/json"}
PAGE = b"<!doctype html><title>oops</title><p>This page is not what you think.</p>"
NOISE = b'{"status": "succeeded", "paid": tru\x00\xff\xfe'

_INVENTED = {
    ProxyFault.ERROR_500_BEFORE: json_answer(500, {"error": "internal error"}),
    ProxyFault.ERROR_502_BEFORE: WireAnswer(502, PAGE, HTML),
    ProxyFault.ERROR_503_BEFORE: WireAnswer(503, b"", {"retry-after": "7"}),
    ProxyFault.BUSY_429: WireAnswer(
        429, b'{"error": "too many requests"}', {**JSON, "retry-after": "7"}
    ),
    ProxyFault.CONFLICT_409: json_answer(409, {"error": "the idempotency key is in use"}),
    ProxyFault.LOCKED_423: json_answer(423, {"error": "locked"}),
    ProxyFault.PAGE_404: WireAnswer(404, PAGE, HTML),
    ProxyFault.PAGE_403: WireAnswer(403, PAGE, HTML),
    ProxyFault.PAGE_200: WireAnswer(200, PAGE, HTML),
    ProxyFault.EMPTY_200: WireAnswer(200, b"", JSON),
    ProxyFault.GARBAGE_200: WireAnswer(200, NOISE, JSON),
    ProxyFault.OTHER_JSON_200: json_answer(200, {"greeting": "hello", "items": [1, 2, None]}),
}


def invented(
    fault: ProxyFault,
    address: str,
    request: WireRequest,
    recorded: Sequence[tuple[WireRequest, WireAnswer]],
) -> WireAnswer:
    """Give the answer to a request that the fake never got.

    `recorded` are the calls that the fake has answered; the oldest of the same method with another
    path or body is what `replay_older` repeats.
    """
    if fault is ProxyFault.REDIRECT:
        origin = "/".join(address.split("/")[:3])
        return WireAnswer(307, b"", {"location": f"{origin}{request.path}"})
    if fault is ProxyFault.REPLAY_OLDER:
        for asked, answer in recorded:
            other = (asked.path, asked.body) != (request.path, request.body)
            if asked.method == request.method and other and answer.status < 300:
                return answer
        return WireAnswer(502, PAGE, HTML)
    return _INVENTED[fault]


def distorted(fault: ProxyFault, answer: WireAnswer) -> WireAnswer:
    """Give what reaches the adapter of an answer of the fake."""
    match fault:
        case ProxyFault.ERROR_500_AFTER:
            return json_answer(500, {"error": "internal error"})
        case ProxyFault.ERROR_504_AFTER:
            return WireAnswer(504, PAGE, HTML)
        case ProxyFault.EMPTY_AFTER_EFFECT:
            return WireAnswer(answer.status, b"", answer.headers)
        case ProxyFault.GARBAGE_AFTER_EFFECT:
            return WireAnswer(answer.status, NOISE, JSON)
        case ProxyFault.PAGE_AFTER_EFFECT:
            return WireAnswer(200, PAGE, HTML)
        case ProxyFault.OTHER_CHARSET:
            return WireAnswer(answer.status, _in_utf_16(answer.body), _UTF_16)
        case ProxyFault.HUGE:
            return WireAnswer(answer.status, answer.body + b" " * HUGE_BYTES, answer.headers)
        case _:
            return answer


_UTF_16 = {"content-type": "application/json; charset=utf-16"}


def _in_utf_16(body: bytes) -> bytes:
    try:
        return json.dumps(json.loads(body)).encode("utf-16")
    except ValueError:
        return body.decode("utf-8", "replace").encode("utf-16")
