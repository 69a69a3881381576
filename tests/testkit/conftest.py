"""Fixtures of the kit's own tests: the certificate of the room that speaks TLS."""

from tests.outbound.conftest import certificate, server_tls  # noqa: F401 - fixtures
