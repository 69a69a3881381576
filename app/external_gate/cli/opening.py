"""What a command works with: the store, or the whole service, opened beside a running one.

Commands never take the lock of a serving process; what they write is fenced.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from external_gate.assembly import (
    Service,
    check_gateway,
    make_service,
    make_store,
    secrets_of,
)
from external_gate.cli.endings import endings
from external_gate.observe import events
from external_gate.observe.logs import configure, flush
from external_gate.settings import Settings, load
from external_gate.stores.store import Store

Result = TypeVar("Result")


@asynccontextmanager
async def open_store(config_path: Path | None) -> AsyncIterator[Store]:
    """Give the store of a configuration, opened.

    Gateways are not looked at: while an adapter is broken, people must still see what is held.
    Raises `SettingsFaulty`, and `Broken` and `Unavailable` as `Store.open`.
    """
    settings = load(config_path, os.environ).settings
    configure_quiet_logs(settings)
    store = make_store(settings, exclusive=False)
    try:
        await _open(store)
        yield store
    finally:
        await store.close()
        flush()  # so that a warning stands before what the command says at its end


@asynccontextmanager
async def open_service(config_path: Path | None) -> AsyncIterator[Service]:
    """Give the service of a configuration with its store opened; no worker runs.

    Raises as `open_store`, and for gateways that cannot be used.
    """
    settings = load(config_path, os.environ, check_gateway=check_gateway).settings
    configure_quiet_logs(settings)
    store = make_store(settings, exclusive=False)
    service = make_service(settings, store)
    try:
        await _open(store)
        yield service
    finally:
        await service.aclose()
        flush()


async def _open(store: Store) -> None:
    """Open the store, and say so if this command is the first to find it an older copy."""
    await store.open()
    if store.restored is not None:
        events.log().warning(events.DATABASE_RESTORED, workflows=store.restored)


def configure_quiet_logs(settings: Settings) -> None:
    """Log warnings and worse to standard error, with every configured secret masked."""
    configure(level="warning", format="console", secrets=secrets_of(settings))


def with_store(
    config_path: Path | None,
    work: Callable[[Store], Coroutine[Any, Any, Result]],  # what asyncio.run takes
) -> Result:
    """Do `work` with the opened store; our errors end the command with their exit code."""

    async def opened() -> Result:
        async with open_store(config_path) as store:
            return await work(store)

    with endings():
        return asyncio.run(opened())


def with_service(
    config_path: Path | None,
    work: Callable[[Service], Coroutine[Any, Any, Result]],  # what asyncio.run takes
    *,
    when_refused: str = "",
) -> Result:
    """Do `work` with the opened service; our errors end the command with their exit code."""

    async def opened() -> Result:
        async with open_service(config_path) as service:
            return await work(service)

    with endings(when_refused=when_refused):
        return asyncio.run(opened())
