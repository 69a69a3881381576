"""A pretend Metronome for demos and tests.

It shares no code with the rest of external-gate, so that a mistake cannot cancel itself out.
"""

from external_gate.emulator.knobs import EmulatorSettings
from external_gate.emulator.service import create_app, make_server, serve

__all__ = ["EmulatorSettings", "create_app", "make_server", "serve"]
