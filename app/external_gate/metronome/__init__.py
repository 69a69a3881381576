"""Metronome's API: the contract that the engine sees, and the client behind it."""
