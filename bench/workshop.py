"""What every row works with: the plan, a folder, the load generator, PostgreSQL when asked for."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.load.load_process import LoadProcess, load_process
from bench.plan import Plan
from bench.rounds import Contender
from bench.samples import Sample
from bench.servers.database import DatabaseServer, running_database
from bench.servers.kept import until_recorded
from bench.servers.process import Server


@dataclass(slots=True)
class Workshop:
    """Everything that a row may use; it is put away at the end of the run."""

    plan: Plan
    folder: Path
    load: LoadProcess
    tell: Callable[[str], None]
    """Shows progress."""
    _stack: ExitStack
    _database: DatabaseServer | None = field(default=None)

    @property
    def database(self) -> DatabaseServer:
        """Give the one PostgreSQL server of the run. Raises `Unmeasured` where there is none."""
        if self._database is None:
            self._database = self._stack.enter_context(running_database())
        return self._database

    @property
    def database_version(self) -> str:
        """Tell the version of PostgreSQL, or that it was not used."""
        return self._database.version if self._database else "not used"

    def loaded(self, server: Server, *, connections: int, name: str = "") -> Contender:
        """Give a server as a contender that is loaded over so many connections."""

        def measure(seconds: float) -> Sample:
            server.demand_alive()
            sample = self.load.closed(server.port, connections=connections, seconds=seconds)
            if server.store_url:  # or what it has put off would burden the next one's turn
                until_recorded(server.store_url)
            return sample

        return Contender(name or server.name, measure)


@contextmanager
def open_workshop(plan: Plan, *, tell: Callable[[str], None]) -> Iterator[Workshop]:
    """Give a workshop in a fresh folder on the disk of the temporary files."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gate-bench-")))
        load = stack.enter_context(load_process())
        yield Workshop(plan, folder, load, tell, stack)
