"""What a process and its children take of the processor, as Linux counts it."""

import os
from pathlib import Path

from bench.faults import Unmeasured

_PROCESSES = Path("/proc")
_PARENT, _TIMES = 1, slice(11, 15)
"""After the name, which may hold anything: the parent, and the four times (proc(5), stat)."""


def seconds_of_family(process: int) -> float:
    """Give the seconds of a process and its children, with those that it has seen end.

    Raises `Unmeasured` where there is no `/proc`.
    """
    if not (_PROCESSES / str(process)).is_dir():
        raise Unmeasured("this system does not tell what a process takes")
    ticks = 0
    for folder in _PROCESSES.glob("[0-9]*"):
        try:
            told = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended: its parent counts it
            continue
        if process in (int(folder.name), int(told[_PARENT])):
            ticks += sum(int(each) for each in told[_TIMES])
    return ticks / os.sysconf("SC_CLK_TCK")
