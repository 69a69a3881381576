"""What came after what in a contract is told by arrival, although clocks are set back."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from external_gate.domain.aftermath import AftermathChange
from external_gate.domain.ledger import Incident, IncidentKind
from external_gate.domain.workflow import State, Verdict
from external_gate.stores.sql_store import SqlStore
from external_gate.testkit.store_checks.aftermath_samples import claim_due, standing_told, waiting
from external_gate.testkit.store_checks.shortfall import only
from external_gate.testkit.store_checks.store_samples import (
    SUCCESS,
    W1,
    W2,
    W3,
    begun,
    change,
    charging,
    failed,
    key_of,
    later,
)
from tests.databases import Database

AHEAD = later(24 * 3600)
"""What a clock said that was a day ahead."""


@pytest.fixture
async def store(database: Database) -> AsyncIterator[SqlStore]:
    found = database.store()
    await found.open()
    yield found
    await found.close()


async def _released_ahead(store: SqlStore) -> None:
    """Let the contract's latest paid workflow have come while the clock was ahead."""
    dossier = await charging(store, W3, at=AHEAD)
    after = replace(dossier.workflow, state=State.RELEASED, verdict=Verdict.PAID)
    answered = ((key_of(W3), SUCCESS),)
    await store.save(change(dossier, State.PAID, State.RELEASED, after=after, evidence=answered))


async def test_limit_counts_on_when_the_clock_was_set_back_after_a_release(
    store: SqlStore,
) -> None:
    await _released_ahead(store)
    await failed(store, W2)
    other = only(await claim_due(store))
    await store.save_aftermath(AftermathChange(waiting(other, tries=1)))
    await failed(store, W1)

    assert (await standing_told(store)).enabled_before == 1


async def test_late_success_keeps_it_off_when_the_clock_was_set_back_after_a_release(
    store: SqlStore,
) -> None:
    await _released_ahead(store)
    await failed(store, W1)
    found = only(await claim_due(store))
    incident = Incident(IncidentKind.LATE_SUCCESS, later(5), "money was taken")
    await store.save_aftermath(AftermathChange(waiting(found), incidents=(incident,)))

    assert (await standing_told(store)).incident == (W1, IncidentKind.LATE_SUCCESS)


async def test_workflow_that_followed_is_seen_when_the_clock_was_set_back(store: SqlStore) -> None:
    await failed(store, W1)

    await begun(store, W2, at=later(-3600))

    assert (await standing_told(store)).follower == W2
