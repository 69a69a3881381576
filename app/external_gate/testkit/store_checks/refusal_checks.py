"""What the database refuses by itself, also to a person with a prompt; where it can."""

from external_gate.domain.ledger import Incident, IncidentKind
from external_gate.domain.workflow import State
from external_gate.testkit.store_checks.notice_checks import notice
from external_gate.testkit.store_checks.shortfall import must, same
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import (
    NOW,
    W1,
    W2,
    W3,
    change,
    charging,
    failed,
    key_of,
    paid,
)
from external_gate.testkit.store_checks.store_trial import StoreTrial
from external_gate.testkit.store_rig import RefusesByItself

REFUSALS = Area(
    "refusals",
    cure="Write the invariant into the schema: a CHECK, a foreign key, a partial unique index, or "
    "a trigger that raises.",
)


@REFUSALS.trial(needs=RefusesByItself)
async def database_refuses_by_itself_what_no_store_may_do(trial: StoreTrial) -> None:
    incident = Incident(IncidentKind.REVERSED, NOW, "")
    await trial.store.save(
        change(await paid(trial.store, W1), State.RELEASED, incidents=(incident,))
    )
    await charging(trial.store, W2)
    await failed(trial.store, W3)
    await trial.store.record_notices([notice(key=key_of(W2))])
    before = [await trial.store.dossier(one) for one in (W1, W2, W3)]
    rig = trial.rig
    if not isinstance(rig, RefusesByItself):
        raise TypeError("the rig has no prompt")

    for statement in rig.forbidden:
        must(not await _passes(rig, statement), f"the database did: {' '.join(statement.split())}")

    same([await trial.store.dossier(one) for one in (W1, W2, W3)], before)


async def _passes(rig: RefusesByItself, statement: str) -> bool:
    try:
        await rig.execute(statement)
    except Exception:  # noqa: BLE001 - whatever the driver of this database raises
        return False
    return True
