"""The sidecar behind Metronome's external payment gate: one charge per workflow, then the release."""
