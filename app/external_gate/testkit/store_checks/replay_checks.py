"""What every store makes of a kept notification that is read once more."""

from decimal import Decimal

from external_gate.domain.errors import BadInput
from external_gate.stores.store import Store
from external_gate.stores.store_records import Receipt
from external_gate.testkit.store_checks.shortfall import given, refused, same
from external_gate.testkit.store_checks.store_catalog import Area
from external_gate.testkit.store_checks.store_samples import W1, later, received, told

REPLAYS = Area(
    "replays",
    cure="Take what `record` does with a workflow, and the number of a notification that is there "
    "already; see `Store.begin`.",
)


@REPLAYS.check()
async def replay_begins_a_workflow_from_a_kept_notification(store: Store) -> None:
    kept = await store.record(told(None, flaw="a field of a newer version"))

    recorded = await store.begin(kept.number, received(at=later(60)))

    same(
        (recorded.receipt, recorded.number, recorded.workflow_id),
        (
            Receipt.RECORDED,
            kept.number,
            W1,
        ),
    )
    named = given(await store.notification(kept.number))
    same(named.workflow_id, W1)


@REPLAYS.check()
async def replay_of_a_known_workflow_follows_the_same_rules(store: Store) -> None:
    kept = await store.record(told(received()))

    alike = await store.begin(kept.number, received())
    other = await store.begin(kept.number, received(total=Decimal(1)))

    same((alike.receipt, alike.conflict), (Receipt.DUPLICATE, False))
    same((other.receipt, other.conflict), (Receipt.RECORDED, True))


@REPLAYS.check()
async def replay_of_an_unknown_notification_is_refused(store: Store) -> None:
    with refused(BadInput, naming="notification 77"):
        await store.begin(77, received())

    same(await store.dossier(W1), None)
