"""The rig of the `sandbox` adapter: an example of one that speaks no HTTP.

There is no address, so no proxy stands in between: every scenario with a fault of the proxy is not
exercised, and lost answers are tried by the sandbox's own payment methods.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from external_gate.domain.charge import Payer
from external_gate.domain.money import Money
from external_gate.gateways.adapter_loading import Adapter
from external_gate.gateways.sandbox import SandboxGateway
from external_gate.testkit.rig import Situation, Taking

_METHODS = {
    Situation.SUCCEEDS: "pm_ok",
    Situation.DECLINED_SOFT: "pm_decline_soft",
    Situation.DECLINED_HARD: "pm_decline_hard",
    Situation.PENDING_THEN_SUCCEEDS: "pm_pending",
    Situation.PENDING_THEN_DECLINED: "pm_pending_then_declined",
    Situation.ANSWER_LOST: "pm_timeout_charged",
    Situation.REQUEST_LOST: "pm_timeout_not_charged",
    Situation.REJECTS_US: "pm_misconfigured",
}
_TAKINGS = """
    SELECT attempt_key, charges.number, minor, currency, booking = 'refunded'
    FROM captures JOIN charges USING (attempt_key) ORDER BY captures.number
"""


class SandboxRig:
    """The sandbox with books in a folder of its own."""

    adapter: Adapter = SandboxGateway
    secrets: Sequence[str] = ()
    key_header: str | None = None

    def __init__(self) -> None:
        self._folder: TemporaryDirectory[str] | None = None
        self._books = Path("not-yet-started.db")

    @property
    def payers(self) -> Mapping[Situation, Payer]:
        """Give the sandbox's test payment methods."""
        return {situation: Payer("cus_1", method) for situation, method in _METHODS.items()}

    def settings(self, base_url: str) -> Mapping[str, object]:  # noqa: ARG002 # there is none
        """Give a sandbox that answers at once."""
        return {"books": str(self._books), "delay_seconds": 0}

    async def start(self) -> str | None:
        """Make room for the books; there is no server, the sandbox lives in the adapter."""
        self._folder = TemporaryDirectory(prefix="sandbox-rig-")
        self._books = Path(self._folder.name) / "books.db"
        return None

    async def stop(self) -> None:
        """Remove the books."""
        if self._folder is not None:
            self._folder.cleanup()

    async def takings(self) -> Sequence[Taking] | None:
        """Read the sandbox's books."""
        if not self._books.exists():
            return []
        with closing(sqlite3.connect(self._books, timeout=5)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                return []
            rows = connection.execute(_TAKINGS).fetchall()
        return [
            Taking(key, f"sandbox-{number}", Money(minor, currency), refunds=refunded)
            for key, number, minor, currency, refunded in rows
        ]
