"""The listing of what gateways sent, for `notifications list --gateways`."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from external_gate.cli.moments import short_age
from external_gate.cli.newest_first import Columns, read_pages, show
from external_gate.cli.opening import with_store
from external_gate.engine.workflow_view import answer_view, notice_view
from external_gate.stores.store import Store
from external_gate.stores.store_records import KeptNotice

PAGE = 500
"""Rows read at once; they are small."""


def list_notices(
    config_path: Path | None,
    *,
    limit: int,
    before: int | None,
    unmatched: bool,
    json_wanted: bool,
) -> None:
    """Print kept notices, newest first; a repeated delivery is one row."""

    async def read(store: Store) -> list[KeptNotice]:
        one_page = partial(_page, store, unmatched=unmatched)
        return await read_pages(one_page, page=PAGE, limit=limit, before=before)

    show(with_store(config_path, read), _COLUMNS, limit=limit, json_wanted=json_wanted)


async def _page(
    store: Store, size: int, before: int | None, *, unmatched: bool
) -> Sequence[KeptNotice]:
    return await store.notices(limit=size, before=before, unmatched=unmatched)


def _cells(kept: KeptNotice, now: datetime) -> tuple[str, ...]:
    return (
        str(kept.number),
        kept.gateway,
        "look again" if kept.outcome is None else str(answer_view(kept.outcome)["answer"]),
        "yes" if kept.signed_and_final else "no",
        short_age(now - kept.received_at),
        str(kept.deliveries),
        kept.workflow_id or "-",
        kept.attempt_key,
        kept.event_id,
    )


_COLUMNS = Columns(
    kind="notice",
    header=("NUMBER", "GATEWAY", "SAYS", "FINAL", "AGE", "DELIVERIES", "WORKFLOW", "KEY", "EVENT"),
    cells=_cells,
    stands_out=lambda kept: kept.workflow_id is None,
    view=notice_view,
)
