"""Connections that outlive a store, beside tests that restart the server."""

from contextlib import closing

from tests.databases import reused
from tests.throwaway_postgres import Cluster


def test_connection_that_the_server_has_ended_is_not_lent_again(postgres: Cluster) -> None:
    address = reused(postgres.url, "gate_of_nobody")
    with closing(address.connect()) as connection:
        (process,) = connection.execute("SELECT pg_backend_pid()").fetchone() or (None,)
    with closing(postgres.connect()) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (process,))

    with closing(address.connect()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    address.forget()
