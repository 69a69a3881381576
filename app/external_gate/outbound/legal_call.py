"""What a call must look like before anything is opened for it.

Checked here and not left to the HTTP library, because that one objects to a header only after it
has reported that sending began.
"""

import re
from functools import lru_cache

import httpx

from external_gate.domain.errors import BadInput
from external_gate.outbound.calls import Call

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})

# How long the body is and what becomes of the connection is decided by the caller: a second
# opinion would cut or stretch the request.
OURS = frozenset({"connection", "content-length", "expect", "transfer-encoding", "upgrade"})

# RFC 9110 §5.1 and §5.5, without the obsolete bytes above ASCII.
HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
HEADER_VALUE = re.compile(r"[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?|")


TARGET = re.compile(rb"[\x21-\x7e]+")

LARGEST_PORT = 65535


class IllegalCall(BadInput):
    """The request cannot be built; the sentence repeats nothing of it but a header's name."""


def check_call(call: Call) -> None:
    """Raise `IllegalCall` when method or headers cannot be sent as they are."""
    if call.method not in METHODS:
        raise IllegalCall(f"the method is not one of {', '.join(sorted(METHODS))}")
    for name, value in call.headers.items():
        check_header(name, value)


@lru_cache(maxsize=64)
def check_url(text: str) -> httpx.URL:
    """Take an address apart; raises `IllegalCall` when nothing can be sent there.

    Remembers some: charges and releases go to the same addresses again and again.
    """
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise IllegalCall("the address is not a URL") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise IllegalCall("the address is not an http or https URL with a host")
    if url.port is not None and url.port > LARGEST_PORT:
        raise IllegalCall(f"the address has a port above {LARGEST_PORT}")
    if not TARGET.fullmatch(url.raw_path):
        raise IllegalCall("the address holds characters that HTTP forbids")
    if url.userinfo:
        raise IllegalCall("the address holds a user name or a password: send it in a header")
    return url


def check_header(name: str, value: str) -> None:
    """Raise `IllegalCall` when a header cannot be sent as it is."""
    if not HEADER_NAME.fullmatch(name):
        raise IllegalCall("a header's name holds characters that HTTP forbids")
    if name.lower() in OURS:
        raise IllegalCall(f"the header {name.lower()} is set by the caller itself")
    if not HEADER_VALUE.fullmatch(value):
        raise IllegalCall(f"the value of the header {name.lower()} holds what HTTP forbids")
