"""Whose certificates are believed, and which of our own is shown to whoever asks for one."""

import importlib.metadata
import ssl
from pathlib import Path

import httpx

from external_gate.domain.errors import Broken


def tls_context(
    *,
    only_authority: str | Path | None = None,
    trust_env: bool = False,
    authorities: str = "",
    certificate: str = "",
) -> ssl.SSLContext:
    """Make what all connections of a caller share; reading the public authorities takes a while.

    `authorities` is a file with more of them, `only_authority` one with others instead;
    `certificate` one with a certificate of ours and its key. `trust_env` takes SSL_CERT_FILE and
    SSL_CERT_DIR from the environment. Raises `Broken` for a file that cannot be used.
    """
    try:
        if only_authority is None:
            tls = httpx.create_ssl_context(trust_env=trust_env)
        else:
            tls = ssl.create_default_context(cafile=str(only_authority))
        if authorities:
            tls.load_verify_locations(authorities)
    except OSError as error:
        name = authorities or only_authority
        raise Broken(f"the authorities in {name} cannot be used: {error}") from error
    if certificate:
        _load(tls, certificate)
    tls.set_alpn_protocols(["http/1.1"])
    return tls


def _load(tls: ssl.SSLContext, certificate: str) -> None:
    try:
        # Without a password, because nobody sits there who could type one.
        tls.load_cert_chain(certificate, password=lambda: "")
    except OSError as error:
        raise Broken(
            f"the certificate in {certificate} cannot be used: {error}; the file must hold it and "
            "its key, not encrypted, as PEM"
        ) from error


def own_user_agent() -> str:
    """Give the name by which peers know us."""
    return f"external-gate/{importlib.metadata.version('external-gate')}"
