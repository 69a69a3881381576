"""The sidecar behind Metronome's external payment gate: one charge, then the release."""
