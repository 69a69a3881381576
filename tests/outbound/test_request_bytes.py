"""Both callers ask the same: neither address nor headers nor body depend on which one is chosen."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from external_gate.outbound.calls import Answered, Call
from external_gate.outbound.direct_caller import DirectCaller
from external_gate.outbound.httpx_caller import HttpxCaller
from external_gate.outbound.legal_call import METHODS, IllegalCall, check_url
from tests.outbound.conftest import Connection, Kind, Peer, impatient_caller

HEADERS = st.dictionaries(
    st.sampled_from(["Host", "accept", "User-Agent", "Accept-Encoding", "X-A", "x-a", "X-B"]),
    st.sampled_from(["", "one", "two, three", "a  b"]),
)
CALLS = st.builds(
    Call,
    method=st.sampled_from(sorted(METHODS - {"HEAD"})),
    url=st.builds(
        "http://Host.Example:{{}}/{}?{}#{}".format,
        st.text(max_size=8),
        st.text("a=&é %/?+\\{}|\"'", max_size=8),
        st.text("ab", max_size=2),
    ),
    headers=HEADERS,
    body=st.binary(max_size=20),
    connect_to=st.just("127.0.0.1"),
)


async def answer(connection: Connection) -> None:
    await connection.answer()


# Each example opens a server of its own.
@settings(max_examples=60)
@given(call=CALLS)
async def test_both_callers_send_the_same_request(certificate: Path, call: Call) -> None:
    async with Peer(answer) as peer:
        call = replace(call, url=call.url.replace("{}", str(peer.port), 1))
        ends = []
        kinds: tuple[Kind, ...] = (DirectCaller, HttpxCaller)
        for kind in kinds:
            async with impatient_caller(kind, certificate) as caller:
                ends.append(await caller.call(call))
        await peer.settled()

    if not all(isinstance(end, Answered) for end in ends):
        assert ends[0] == ends[1]
        return
    ours, theirs = (bytes(connection.seen) for connection in peer.connections)
    assert _parts(ours) == _parts(theirs)


def _parts(request: bytes) -> tuple[bytes, list[bytes], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    return line, sorted(headers), body


def test_password_in_an_address_is_refused_instead_of_sent() -> None:
    with pytest.raises(IllegalCall, match="user name"):
        check_url("https://user:password@host.example/")
