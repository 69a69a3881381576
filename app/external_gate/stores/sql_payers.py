"""Our own table of payers."""

from collections.abc import Mapping

from external_gate.domain.charge import Payer
from external_gate.domain.identifiers import CustomerId
from external_gate.stores.rows import payer_from
from external_gate.stores.sql_transaction import Transaction, select, select_one

_READ = "SELECT * FROM payers WHERE customer_id = ?"

_LIST = "SELECT * FROM payers WHERE customer_id > :after ORDER BY customer_id LIMIT :limit"

_PUT = """
INSERT INTO payers (customer_id, gateway_customer, payment_method, gateway) VALUES (?, ?, ?, ?)
ON CONFLICT (customer_id) DO UPDATE SET
    gateway_customer = excluded.gateway_customer, payment_method = excluded.payment_method,
    gateway = excluded.gateway
"""

_REMOVE = "DELETE FROM payers WHERE customer_id = ?"


def read_payer(transaction: Transaction, customer_id: CustomerId) -> Payer | None:
    """Read a customer's payer; None when there is none."""
    row = select_one(transaction, _READ, (customer_id,))
    return None if row is None else payer_from(row)


def list_payers(
    transaction: Transaction, *, limit: int, after: CustomerId | None
) -> list[tuple[CustomerId, Payer]]:
    """List payers by customer id, from the first one after `after`."""
    rows = select(transaction, _LIST, {"after": after or "", "limit": limit})
    return [(CustomerId(row["customer_id"]), payer_from(row)) for row in rows]


def put_payers(transaction: Transaction, payers: Mapping[CustomerId, Payer]) -> None:
    """Set payers, replacing those of the same customers."""
    rows = [
        (customer_id, payer.customer, payer.payment_method, payer.gateway)
        for customer_id, payer in payers.items()
    ]
    transaction.executemany(_PUT, rows)


def remove_payer(transaction: Transaction, customer_id: CustomerId) -> bool:
    """Remove a customer's payer; false when there was none."""
    return transaction.execute(_REMOVE, (customer_id,)).rowcount == 1
