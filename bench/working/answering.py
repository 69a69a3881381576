"""A world outside that is no further than a function call: what is left is external-gate's cost."""

import json

from bench.load.notifications import TOTAL, contract_of
from bench.outside.pretending import CHARGES, INVOICE, USD_CENTS
from external_gate.outbound.calls import Answered, Call, CallEnd, SentUnanswered

URL = "http://127.0.0.1:9"
"""Of nobody: only its paths are read."""

_JSON = {"content-type": "application/json"}
_DONE = Answered(200, _JSON, b"{}")

# Written out, because every microsecond here would count as the service's own.
_INVOICE = (
    '{{"data":{{"id":"{invoice}","customer_id":"{customer}","contract_id":"{contract}",'
    '"status":"FINALIZED","type":"SCHEDULED","total":{total},"credit_type":{{"id":"{unit}",'
    '"name":"USD (cents)"}},"customer_custom_fields":{{"gateway_customer":"cus_{short}",'
    '"gateway_payment_method":"pm_ok"}},"line_items":[]}}}}'
)
_CHARGE = (
    '{{"status":"succeeded","attempt_key":{key},"charge_id":"ch_1","amount":'
    '{{"minor":{total},"currency":"USD"}}}}'
)


class AnswersAtOnce:
    """A `Caller` that answers as the stub does, without leaving the process."""

    async def call(self, call: Call) -> CallEnd:
        """Answer."""
        path = call.url.removeprefix(URL)
        if found := INVOICE.fullmatch(path):
            return Answered(200, _JSON, _invoice(found[1], found[2]))
        if path == CHARGES and call.method == "POST":
            key = json.dumps(call.headers["idempotency-key"])
            return Answered(200, _JSON, _CHARGE.format(key=key, total=TOTAL).encode())
        if path.endswith("/threshold-billing/release"):
            return _DONE
        return SentUnanswered(f"{path} is not played")


def _invoice(customer: str, invoice: str) -> bytes:
    text = _INVOICE.format(
        invoice=invoice,
        customer=customer,
        contract=contract_of(customer),
        total=TOTAL,
        unit=USD_CENTS,
        short=customer[:8],
    )
    return text.encode()
