"""Whom we believe over TLS, and whom we can show that it is us."""

import ssl
from pathlib import Path

import pytest

from external_gate.domain.errors import Broken
from external_gate.outbound.calls import Answered
from external_gate.outbound.tls import tls_context
from tests.outbound.conftest import Connection, MakeCaller, Peer, post


async def answer(connection: Connection) -> None:
    await connection.answer()


@pytest.mark.parametrize("content", [None, "no certificate"])
@pytest.mark.parametrize("key", ["only_authority", "authorities", "certificate"])
def test_file_that_cannot_be_read_stops_the_start(
    tmp_path: Path, key: str, content: str | None
) -> None:
    file = tmp_path / "file.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(Broken, match=r"file\.pem"):
        tls_context(**{key: str(file)})  # type: ignore[arg-type] # each takes a path as text


async def test_more_authorities_are_believed_beside_the_public_ones(
    make_caller: MakeCaller, server_tls: ssl.SSLContext, certificate: Path
) -> None:
    tls = tls_context(authorities=str(certificate))
    async with Peer(answer, server_tls) as peer, make_caller(tls=tls) as caller:
        assert isinstance(await caller.call(post(peer.url)), Answered)

    assert tls.cert_store_stats()["x509_ca"] > 50


async def test_peer_that_asks_for_a_certificate_gets_ours(
    make_caller: MakeCaller, server_tls: ssl.SSLContext, certificate: Path
) -> None:
    server_tls.verify_mode = ssl.CERT_REQUIRED
    server_tls.load_verify_locations(certificate)
    proven = tls_context(only_authority=certificate, certificate=str(certificate))
    async with Peer(answer, server_tls) as peer:
        async with make_caller(tls=proven) as caller:
            with_it = await caller.call(post(peer.url))
        async with make_caller() as caller:
            without = await caller.call(post(peer.url))

    assert isinstance(with_it, Answered)
    assert not isinstance(without, Answered)
