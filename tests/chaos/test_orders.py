"""What keeps the orders of a campaign from being opened is told, whatever thread it happens in."""

from unittest.mock import Mock

import pytest

from tests.chaos.orders import Orders


def _orders(account: Mock) -> Orders:
    orders = Orders(account, seed=1, number=8, per_second=1000.0)
    orders.start()
    for thread in orders._threads:
        thread.join()
    return orders


def test_every_order_is_opened() -> None:
    orders = _orders(Mock())

    assert orders.opened == 8
    assert orders.trouble is None


@pytest.mark.parametrize("call", ["customer", "contract", "use"])
def test_what_went_wrong_in_a_thread_is_kept(call: str) -> None:
    account = Mock()
    getattr(account, call).side_effect = ConnectionResetError("closed just then")

    orders = _orders(account)

    assert orders.opened == 0
    assert isinstance(orders.trouble, ConnectionResetError)
