"""What is loaded: external-gate as users start it, and the baselines; each a process."""
