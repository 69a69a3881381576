"""One check's own database: the handles on it, and the trace of everything that was asked of it."""

from types import TracebackType
from typing import Self

from external_gate.stores.store import Store
from external_gate.testkit.store_checks.traced_store import traced
from external_gate.testkit.store_rig import Crashes, StoreRig


class StoreTrial:
    """Enter it for a fresh database with one open handle; leave it to end everything."""

    def __init__(self, rig: StoreRig) -> None:
        self.rig = rig
        self.trace: list[str] = []
        """One line per call, in the order in which they came back."""
        self._open: list[Store] = []
        self._handles = 0
        self._first: Store | None = None

    @property
    def store(self) -> Store:
        """Give the first handle."""
        if self._first is None:
            raise RuntimeError("the trial was not entered")
        return self._first

    async def __aenter__(self) -> Self:
        await self.rig.start()
        try:
            self._first = await self.another()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            while self._open:
                await self._open.pop().close()
        finally:
            await self.rig.stop()

    async def another(self) -> Store:
        """Give one more open handle on the same database, as another process has."""
        store = self.unopened()
        await store.open()
        return store

    def unopened(self) -> Store:
        """Give one more handle, which is closed with the others."""
        self._handles += 1
        store = self.rig.store()
        self._open.append(store)
        return traced(store, f"process {self._handles}", self.trace)

    async def reopened(self) -> Store:
        """Close every handle, as a service that stops; give a new one."""
        while self._open:
            await self._open.pop().close()
        self.trace.append("every process closes its handle")
        return await self.another()

    async def crashed(self) -> Store:
        """End every handle without closing it; give a new one."""
        if not isinstance(self.rig, Crashes):
            raise TypeError("the rig cannot crash")
        await self.rig.crash()
        self.trace.append("every process is killed")
        return await self.another()
