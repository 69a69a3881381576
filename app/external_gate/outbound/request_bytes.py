"""A call as bytes of HTTP/1.1: the same request that the caller over httpx would send."""

from dataclasses import dataclass

import h11
import httpx

from external_gate.outbound.calls import Call
from external_gate.outbound.legal_call import check_call, check_url

LARGEST_HEAD_BYTES = 100 * 1024
"""Of an answer, and of one line of it; httpcore allows as much."""

WITH_A_BODY = frozenset({"POST", "PUT", "PATCH"})
"""These tell the length of their body even when there is none: RFC 9110, section 8.6."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be written, to whom, and the parser that knows what was asked."""

    host: str
    port: int
    tls_name: str | None
    """The name that the peer's certificate must prove; None without TLS."""
    sent: bytes
    http: h11.Connection


def write_request(call: Call, user_agent: str) -> Request:
    """Put a call into bytes. Raises `IllegalCall` when it cannot be sent as it is."""
    check_call(call)
    url = check_url(call.url)
    name = url.raw_host.decode("ascii")
    under_tls = url.scheme == "https"
    return Request(
        host=call.connect_to or name,
        port=(443 if under_tls else 80) if url.port is None else url.port,
        tls_name=name if under_tls else None,
        sent=_head(call, url, user_agent) + call.body,
        http=_parser(call.method),
    )


def _head(call: Call, url: httpx.URL, user_agent: str) -> bytes:
    target = url.raw_path.decode("ascii")
    headers = _headers(call, host=url.netloc.decode("ascii"), user_agent=user_agent)
    lines = [f"{call.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _parser(method: str) -> h11.Connection:
    """Give what reads the answer; of the request it needs to know the method, for HEAD has no body.

    The rest is written by us: that takes a quarter of the time, and `check_call` and `check_url`
    are stricter.
    """
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD_BYTES)
    http.send(h11.Request(method=method, target=b"/", headers=[("Host", "")]))
    http.send(h11.EndOfMessage())
    return http


def _headers(call: Call, *, host: str, user_agent: str) -> list[tuple[str, str]]:
    own = {name.lower() for name in call.headers}
    headers: list[tuple[str, str]] = []
    if call.connect_to is not None or "host" not in own:
        headers.append(("Host", host))
    if "accept" not in own:
        headers.append(("Accept", "*/*"))
    if "user-agent" not in own:
        headers.append(("User-Agent", user_agent))
    headers += [("Accept-Encoding", "identity"), ("Connection", "close")]
    ours = {"accept-encoding", "host"} if call.connect_to is not None else {"accept-encoding"}
    headers += [(name, value) for name, value in call.headers.items() if name.lower() not in ours]
    if call.body or call.method in WITH_A_BODY:
        headers.append(("Content-Length", str(len(call.body))))
    return headers
