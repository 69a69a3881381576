"""`python -m bench.working KIND FOLDER OUTSIDE_URL [STORE_URL]`: take turns until told no more."""

import asyncio
import importlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from bench.working.turn import Place, Turn

KINDS = (
    "gate",
    "statements",
    "bare_calls",
    "httpx_calls",
    "shared_client",
    "dbos_steps",
    "questions",
)
PATIENCE_SECONDS = 300.0
"""Beyond the time of a turn: whoever does not come back has lost something."""

READY = "ready"


def main() -> None:
    """Open a crew, say that it is ready, answer every turn with what came of it."""
    kind, folder, *where = sys.argv[1:]
    if kind not in KINDS:
        sys.exit(f"no crew {kind}: take one of {', '.join(KINDS)}")
    told = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer of ours
    asyncio.run(_take_turns(kind, Place(Path(folder), *where), told))


async def _take_turns(kind: str, place: Place, told: TextIO) -> None:
    room = importlib.import_module(f"bench.working.{kind}")
    async with room.open_crew(place) as crew:
        _tell(told, READY)
        while line := await asyncio.to_thread(sys.stdin.readline):
            turn = Turn(**json.loads(line))
            async with asyncio.timeout(turn.seconds + PATIENCE_SECONDS):
                done = await crew.work(turn)
            _tell(told, json.dumps(asdict(done)))


def _tell(told: TextIO, line: str) -> None:
    told.write(f"{line}\n")
    told.flush()


if __name__ == "__main__":
    main()
