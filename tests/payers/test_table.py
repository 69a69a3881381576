"""Who pays, as our own table says it."""

from external_gate.domain.charge import Payer
from external_gate.domain.identifiers import CustomerId
from external_gate.outbound.httpx_caller import HttpxCaller
from external_gate.payers.payer_source import PayerQuestion, PayerSurroundings
from external_gate.payers.source_registry import build_payer_source
from external_gate.payers.table import TablePayers
from external_gate.settings.model import PayersSettings
from tests.metronome.conftest import StandingClock


async def test_table_is_asked_by_customer(question: PayerQuestion, caller: HttpxCaller) -> None:
    rows = {CustomerId("cus"): Payer("cus_7", "pm_7")}

    async def lookup(customer_id: CustomerId) -> Payer | None:
        return rows.get(customer_id)

    surroundings = PayerSurroundings(caller, StandingClock(), lookup)
    source = build_payer_source(PayersSettings(source="table"), surroundings)

    assert isinstance(source, TablePayers)
    assert await source.find(question) == Payer("cus_7", "pm_7")
    rows.clear()
    assert await source.find(question) is None
