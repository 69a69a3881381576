"""P1 across processes: what was answered is on disk, and writers beside each other lose nothing."""

from pathlib import Path

from external_gate.domain.identifiers import WorkflowId
from external_gate.testkit.store_checks.store_samples import begun
from tests.stores.conftest import another_process, line_of, opened

RECORD = """
import asyncio, sys
from pathlib import Path
from external_gate.domain.identifiers import WorkflowId
from external_gate.stores.sqlite import SqliteStore
from external_gate.testkit.store_checks.store_samples import begun

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    for number in range(int(sys.argv[2])):
        await begun(store, WorkflowId(f"theirs-{number}"))
        print(number, flush=True)
    await store.close()

asyncio.run(main())
"""


async def test_what_a_killed_process_acknowledged_is_there(path: Path) -> None:
    with another_process(RECORD, path, 100_000) as process:
        acknowledged = [line_of(process) for _ in range(25)]
        process.kill()
        assert process.stdout is not None
        acknowledged += process.stdout.read().split()

    async with opened(path, exclusive=True) as store:
        kept = {n.workflow_id for n in await store.notifications(limit=100_000)}
        missing = {f"theirs-{number}" for number in acknowledged} - kept
        assert len(acknowledged) >= 25
        assert not missing


async def test_two_processes_write_beside_each_other(path: Path) -> None:
    async with opened(path, exclusive=True) as store:
        with another_process(RECORD, path, 100) as process:
            assert line_of(process) == "0"
            for number in range(100):
                await begun(store, WorkflowId(f"ours-{number}"))
            while line_of(process) != "99":
                pass
            assert process.wait() == 0

        assert len(await store.notifications(limit=999)) == 200
