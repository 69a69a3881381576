"""The world outside: Metronome and a host that charges, as one stub that costs next to nothing."""
