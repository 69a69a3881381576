"""What the author of a store provides to certify it: handles on a fresh, empty database."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from external_gate.stores.store import Store


@runtime_checkable
class StoreRig(Protocol):
    """A database of its own, and handles on it; this page is the whole specification.

    A fresh rig is made for every check; making one opens nothing. `start` and `stop` are called
    once each, in the event loop in which the handles are used. A rig that can do more says so by
    having the members of `Crashes`, `GoesAway` or `RefusesByItself` below; what it lacks is
    reported as "not exercised".
    """

    def store(self) -> Store:
        """Give another handle on the same database, not yet open.

        Two handles are two processes: our commands write beside the service. The kit opens each
        and closes it.
        """
        ...

    async def start(self) -> None:
        """Make the place of an empty database; the tables may be left to `Store.open`."""
        ...

    async def stop(self) -> None:
        """Remove the database. Every handle is closed."""
        ...


@runtime_checkable
class Crashes(Protocol):
    """A rig that can end a process without letting it close anything."""

    async def crash(self) -> None:
        """Lose whatever a killed process and its machine lose.

        A file: from now on `store` gives handles on a copy of what is on the disk. A server: all of
        our connections are ended. Handles from before are not used again, only closed.
        """
        ...


@runtime_checkable
class GoesAway(Protocol):
    """A rig whose database can be out of reach for a while: stopped, full, or locked by others."""

    async def go_away(self) -> None:
        """Let no write succeed from now on; a store is to give up within a few seconds."""
        ...

    async def come_back(self) -> None:
        """Let writes succeed again, by the same handles."""
        ...


@runtime_checkable
class RefusesByItself(Protocol):
    """A rig whose database refuses by itself what no store may do, whoever asks.

    A store that keeps our tables can give `FORBIDDEN` of `testkit.store_checks.forbidden_rows`.
    """

    @property
    def forbidden(self) -> Sequence[str]:
        """Give the statements that must fail.

        They meet `workflow-1`, released, with an incident, and `workflow-2`, charging, with a
        notice of its gateway.
        """
        ...

    async def execute(self, statement: str) -> None:
        """Run a statement past the store, as a person with a prompt; raise what refuses it."""
        ...
