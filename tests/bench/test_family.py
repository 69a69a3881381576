"""What a server and its children take is all found, also of those that have ended."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.faults import Unmeasured
from bench.servers.family import seconds_of_family

BUSY = """
import time
until = time.process_time() + 0.2
while time.process_time() < until:
    pass
"""
FAMILY = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BUSY!r}])
lives = [sys.executable, "-c", {BUSY!r} + "print(flush=True); input()"]
child = subprocess.Popen(lives, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(flush=True)
input()
child.communicate()
"""


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(),
    reason="reads /proc: Linux alone has it, and the benchmarks run there alone",
)
def test_children_are_counted_while_they_live_and_when_they_have_ended() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        assert seconds_of_family(parent.pid) >= 0.4
        parent.communicate("\n")

    with pytest.raises(Unmeasured):
        seconds_of_family(parent.pid)
