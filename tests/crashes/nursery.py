"""Starts processes fast: one process has imported everything, and forks the others from itself.

Each has its own memory, files and sockets from then on, and dies by SIGKILL like any other. Started
the ordinary way each would spend more than a second on imports, hundreds of times.
"""

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from external_gate import emulator
from tests.crashes import launcher, sweep_host
from tests.stories.players import SECRET, TOKEN, clean_environment

ROOT = Path(__file__).parents[2]


class Nursery:
    """Starts processes; all of them end with it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crashes.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )
        self._lock = threading.Lock()

    def start(self, role: str, *, log: Path, **order: object) -> int:
        """Start a process in a role; gives its id."""
        words = {name: str(value) for name, value in order.items()}
        line = json.dumps({"role": role, "log": str(log), **words})
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        """End every process that was started here."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def lives(process: int) -> bool:
    """Tell whether a process has not ended; the nursery leaves no zombies."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _be_metronome(order: Mapping[str, str]) -> None:
    emulator.serve(
        emulator.EmulatorSettings(
            port=int(order["port"]),
            token=TOKEN,
            webhook_url=order["webhook_url"],
            webhook_secret=SECRET,
        )
    )


def _be_the_host(order: Mapping[str, str]) -> None:
    asyncio.run(
        sweep_host.run(
            order["books"],
            port=int(order["port"]),
            secret=order["secret"],
            notify_url=order["notify_url"],
        )
    )


ROLES: Mapping[str, Callable[[Mapping[str, str]], None]] = {
    "service": launcher.serve,
    "person": launcher.act,
    "metronome": _be_metronome,
    "host": _be_the_host,
}


def _be_born(order: Mapping[str, str]) -> NoReturn:
    """Take up a role in a process of its own, and never come back."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for standard, file in ((0, nothing), (1, log), (2, log)):
        os.dup2(file, standard)
    code = 1
    try:
        ROLES[order["role"]](order)
        code = 0
    finally:  # whatever happens: not a second reader of the nursery's orders
        if code:
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Fork one process for each line, and end all of them when no more lines can come."""
    gc.freeze()  # what is imported is never collected, and so is shared with every child
    os.setpgrp()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so that the kernel buries the dead
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the sweep ends us, not the terminal
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _be_born(order)
        os.write(1, f"{child}\n".encode())
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
