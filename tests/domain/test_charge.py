"""What a gateway may be trusted with when it promises nothing."""

from datetime import timedelta

import pytest

from external_gate.domain.charge import Cancel, Capabilities, Idempotency, KeyStores, Lookup

DAY = timedelta(hours=24)


def test_adapter_that_declares_nothing_is_never_sent_twice() -> None:
    careful = Capabilities()

    assert careful.usable_window == timedelta(0)
    assert careful.idempotency is Idempotency.NONE
    assert careful.key_stores is KeyStores.NOTHING
    assert careful.lookup is Lookup.NONE
    assert careful.cancel is Cancel.NONE
    assert not careful.refund


@pytest.mark.parametrize("idempotency", [Idempotency.NATIVE, Idempotency.NATURAL_KEY])
def test_key_is_used_for_half_of_its_window(idempotency: Idempotency) -> None:
    assert Capabilities(idempotency=idempotency, window=DAY).usable_window == DAY / 2


def test_window_without_a_key_is_worth_nothing() -> None:
    assert Capabilities(idempotency=Idempotency.NONE, window=DAY).usable_window == timedelta(0)
