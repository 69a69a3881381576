"""The load generator: a process that sends signed notifications and waits for answers."""
