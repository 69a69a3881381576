"""Everything that one check of a payer source needs: whoever is asked, the proxy, the source."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from external_gate.domain.charge import Payer
from external_gate.domain.errors import Broken, Unavailable
from external_gate.domain.identifiers import CustomerId
from external_gate.payers.payer_source import PayerQuestion, PayerSource, PayerSurroundings
from external_gate.settings.model import PayersSettings
from external_gate.testkit.payer_rig import FillsTable, PayerRig
from external_gate.testkit.plugin_stage import PluginStage, Tried, witness
from external_gate.testkit.proxy_faults import ProxyFault
from external_gate.testkit.stage import SharedCaller


@dataclass(slots=True)
class Asked(Tried):
    """What came of one question."""

    was_changed: bool = False


class PayerStage(PluginStage):
    """A fresh rig with its proxy; enter it to start both, leave it to end them."""

    def __init__(self, rig: PayerRig, caller: SharedCaller) -> None:
        super().__init__(rig, caller)
        self.rig = rig
        self.table_asked = 0
        self.table_is_down = False

    def source(self, *, timeout_seconds: float) -> PayerSource:
        """Make the source as at start. Raises `Broken` when that cannot be done."""
        keys = {"source": "certified", "timeout_seconds": timeout_seconds}
        try:
            settings = PayersSettings.model_validate({**self.rig.settings(self.url), **keys})
        except ValidationError:
            # Its sentence would repeat the settings, and with them the secrets.
            raise Broken("the rig's settings are no keys of [payers]; mend `settings`") from None
        surroundings = PayerSurroundings(self._caller, self._clock, self._table)
        return self.rig.source.from_settings(settings, surroundings)

    async def ask(
        self,
        source: PayerSource,
        question: PayerQuestion,
        *,
        fault: ProxyFault | None = None,
        heartbeat: bool = False,
    ) -> Asked:
        """Ask once, and write down everything about it."""
        done, unchanged = Asked(), deepcopy(question)
        before = await self.script(fault)
        await witness(done, lambda: source.find(question), heartbeat=heartbeat)
        done.was_changed = unchanged != question
        await self.count_calls(done, before)
        return done

    async def cut(self, source: PayerSource, question: PayerQuestion) -> bool:
        """Ask, cancel once the question has arrived, and tell whether that ended it at once."""
        return await self.ends_when_cancelled(lambda: source.find(question))

    async def backstage(self, work: Any) -> None:  # a coroutine, whatever it gives
        """Do something to whoever is asked."""
        await self._backstage.call(work)

    async def _table(self, customer_id: CustomerId) -> Payer | None:
        self.table_asked += 1
        if self.table_is_down:
            raise Unavailable("the table of payers cannot be read now")
        return self.rig.table.get(customer_id) if isinstance(self.rig, FillsTable) else None
