"""What `doctor` looks at on this machine: the store, gateways, payers, guards, what waits."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from external_gate.assembly import make_store
from external_gate.cli.checks_postgres import postgres_checks
from external_gate.cli.checkup import Check, failed_by, failed_by_fault, failure, fine, warning
from external_gate.cli.moments import short_age
from external_gate.domain.charge import Capabilities, Idempotency, Lookup, Payer
from external_gate.domain.clock import Clock
from external_gate.domain.errors import GateError
from external_gate.domain.gate_report import KeptReport
from external_gate.domain.identifiers import CustomerId
from external_gate.gateways import registry
from external_gate.gateways.gateway import Surroundings
from external_gate.outbound.calls import Caller
from external_gate.payers.payer_source import PayerSurroundings
from external_gate.payers.source_registry import build_payer_source
from external_gate.settings import GatewaySettings, Settings
from external_gate.settings.model import GuardsSettings, StoreSettings
from external_gate.stores.choosing import examine_file, examine_postgres, uses_postgres
from external_gate.stores.sqlite_checkup import Findings
from external_gate.stores.store import Store
from external_gate.stores.store_records import Counts

MEBIBYTE = 1024 * 1024

LITTLE_ROOM_MEBIBYTES = 1024
"""Some hundred thousand workflows with their history: time enough to act on the warning."""

NO_ROOM_MEBIBYTES = 50
"""Less than the write-ahead log of a busy hour; the next notification may be refused."""

RECENT = timedelta(days=30)
"""As far back as `workflows missing` looks by itself."""

MOST_MISSED = 100
"""That are counted: whatever is wrong, it is wrong for all of them."""

HELD_LIST = "external-gate workflows list --held"


async def store_checks(settings: Settings) -> list[Check]:
    """Look at the store, and at what waits in it. Migrates nothing."""
    try:
        store = make_store(settings, exclusive=False)
        checks, can_be_opened = _look_at(settings.store)
        if can_be_opened:
            checks += await _kept_checks(store, settings)
    except GateError as error:
        return [failed_by("store", error)]
    return checks


def _look_at(settings: StoreSettings) -> tuple[list[Check], bool]:
    """Judge the database; and tell whether it can be opened without being changed."""
    if uses_postgres(settings):
        found = examine_postgres(settings)
        return [*postgres_checks(found)], found.exists and found.writable and not found.behind
    file = examine_file(settings)
    return [*file_checks(file)], file.exists and not file.behind


def file_checks(found: Findings) -> Iterator[Check]:
    """Judge what was found out about a SQLite file."""
    if not found.exists:
        yield fine("store", f"{found.path} is made at the first start")
    elif found.behind:
        names = ", ".join(found.behind)
        yield warning(
            "store", f"{found.path} lacks {names}", cure="start the service: it migrates by itself"
        )
    else:
        yield fine(
            "store",
            f"{found.path} is up to date and can be written "
            f"({found.journal_mode}, synchronous={found.synchronous})",
        )
    yield _library_check(found)
    yield _room_check(found.free_bytes // MEBIBYTE)


def _library_check(found: Findings) -> Check:
    if not found.has_wal_reset_bug:
        return fine("sqlite", f"SQLite {found.library}")
    return warning(
        "sqlite",
        f"SQLite {found.library} has the WAL-reset bug: two connections that write or checkpoint "
        "at the same moment can damage a file. One service per file is safe, because all its "
        "writes go through one connection; commands beside it write only for moments",
        cure="run a Python whose SQLite is 3.51.3 or newer",
    )


def _room_check(free_mebibytes: int) -> Check:
    told = f"{free_mebibytes} MiB are free on the store's disk"
    cure = "free space, or move the store"
    if free_mebibytes < NO_ROOM_MEBIBYTES:
        return failure("disk", told, cure=cure)
    if free_mebibytes < LITTLE_ROOM_MEBIBYTES:
        return warning("disk", told, cure=cure)
    return fine("disk", told)


async def _kept_checks(store: Store, settings: Settings) -> list[Check]:
    try:
        await store.open()
        checks = [*waiting_checks(await store.counts())]
        since = datetime.now(UTC) - RECENT
        checks += missed_checks(await store.lost_thresholds(since=since, limit=MOST_MISSED))
        if settings.payers.source == "table" and not await store.payers(limit=1):
            checks.append(
                warning(
                    "payers",
                    "the table of payers is empty: every workflow will be held",
                    cure="external-gate payers import payers.csv",
                )
            )
        return checks
    finally:
        await store.close()


def waiting_checks(counts: Counts) -> Iterator[Check]:
    """Say what waits for a person."""
    held = sum(counts.held.values())
    if held:
        reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(counts.held.items()))
        yield warning("held", f"{held} held for a person: {reasons}", cure=HELD_LIST)
    else:
        yield fine("held", "no workflow waits for a person")
    if counts.incidents:
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.incidents.items()))
        told = f"{sum(counts.incidents.values())} on record: {kinds}"
        yield warning("incidents", told, cure="external-gate workflows list --incidents")
    else:
        yield fine("incidents", "none on record")
    if counts.inbox_since is not None:
        yield warning(
            "inbox",
            f"deliveries acknowledged and not recorded yet: {counts.inbox}, the oldest since "
            f"{counts.inbox_since.isoformat()}",
            cure="start the service if none runs; if one does and this does not end, its log says "
            "why (inbox_failed, inbox_entry_failed)",
        )


def missed_checks(missed: Sequence[KeptReport]) -> Iterator[Check]:
    """Say for how many thresholds Metronome's webhook never came."""
    if not missed:
        return
    count = f"{len(missed)}{' or more' if len(missed) == MOST_MISSED else ''}"
    yield warning(
        "webhooks",
        f"thresholds reached in the last {RECENT.days} days without the webhook that asks for the "
        f"charge: {count}",
        cure="external-gate workflows missing",
    )


def gateway_checks(
    gateways: Mapping[str, GatewaySettings], caller: Caller, clock: Clock
) -> Iterator[Check]:
    """Import every adapter, check its keys and see what it promises; nobody is called."""
    for name, gateway in gateways.items():
        check = f"gateway {name}"
        faults = registry.check(name, gateway.adapter, gateway.settings)
        if faults:
            yield from (failed_by_fault(check, fault) for fault in faults)
            continue
        try:
            made = registry.make(
                gateway.adapter, gateway.settings, Surroundings(name, caller, clock)
            )
        except GateError as error:
            yield failed_by(check, error)
        else:
            yield promises_check(check, gateway.adapter, made.capabilities)


def promises_check(name: str, adapter: str, promised: Capabilities) -> Check:
    """Say what a lost answer will mean with these capabilities."""
    by_key = promised.idempotency is not Idempotency.NONE and promised.usable_window
    if not by_key and promised.lookup is Lookup.NONE:
        return warning(
            name,
            f"adapter {adapter} declares neither a usable key nor a lookup: whenever an answer is "
            "lost the workflow is held, so that nothing is charged twice",
            cure="be ready to look charges up at the gateway by hand",
        )
    key = f"keys hold for {short_age(promised.window)}" if by_key else "no usable key"
    return fine(name, f"adapter {adapter}: {key}, lookup by {promised.lookup}")


def payers_check(settings: Settings, caller: Caller, clock: Clock) -> Check:
    """Build the payer source; nobody is asked."""

    async def nobody(_customer_id: CustomerId) -> Payer | None:
        return None

    try:
        build_payer_source(settings.payers, PayerSurroundings(caller, clock, nobody))
    except GateError as error:
        return failed_by("payers", error)
    return fine("payers", f"payers come from {settings.payers.source}")


def guard_checks(guards: GuardsSettings) -> Iterator[Check]:
    """Say which switches keep charges from being sent."""
    stopped = [f"nothing is sent to gateway {name}" for name in guards.paused_gateways]
    if guards.paused:
        stopped.append("no charge is sent at all")
    if stopped:
        cure = "when it shall go on: guards.paused and guards.paused_gateways"
        yield warning("guards", f"{', '.join(stopped)}: paused", cure=cure)
    if guards.shadow:
        yield warning(
            "guards",
            "shadow mode is on: every workflow ends held, nothing is charged",
            cure="when you trust what you see: guards.shadow = false",
        )
    if not stopped and not guards.shadow:
        yield fine("guards", "neither paused nor in shadow mode")
