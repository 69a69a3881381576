"""What an acknowledgement takes of the processor: nobody on one core is faster than that allows."""

from collections.abc import Collection, Mapping

from bench.samples import MICROSECONDS
from bench.servers.family import seconds_of_family
from bench.servers.kept import until_recorded
from bench.servers.process import Server
from bench.workshop import Workshop


def processor_times(
    workshop: Workshop,
    servers: Mapping[str, Server],
    *,
    connections: int,
    on_postgres: Collection[str] = (),
) -> list[str]:
    """Load each server once more, and say what it took; of some PostgreSQL's processes as well."""
    return [
        _told(name, server, workshop, connections, beside=name in on_postgres)
        for name, server in servers.items()
    ]


def _told(name: str, server: Server, workshop: Workshop, connections: int, *, beside: bool) -> str:
    process, database = server.process.pid, workshop.database if beside else None
    before = seconds_of_family(process)
    of_database = database.processor_seconds() if database else 0.0
    workshop.load.closed(server.port, connections=connections, seconds=workshop.plan.seconds)
    each = MICROSECONDS / workshop.load.sent[server.port][-1].count
    own = (seconds_of_family(process) - before) * each
    others = (database.processor_seconds() - of_database) * each if database else 0.0
    beside_it = f" and {others:,.0f} µs of PostgreSQL's own processes" if database else ""
    told = f"Processor time per acknowledgement, {name}: {own:,.0f} µs{beside_it}"
    if not server.store_url:
        return f"{told}."
    until_recorded(server.store_url)
    later = (seconds_of_family(process) - before) * each - own
    return f"{told}; {later:,.0f} µs more until it was recorded, after the rush."
