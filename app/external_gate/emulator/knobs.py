"""What can be set before the emulator starts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmulatorSettings:
    """Choose how the pretend Metronome runs.

    `token`: the one bearer token that is accepted; None accepts every token, but not its absence.
    `webhook_url`: where notifications go; None keeps them until a target is set at run time.
    `speed`: emulator seconds per real second, greater than zero.
    `seed`: makes ids and backoff jitter repeatable. 0 means fresh ones on every start, so that a
    database that has seen one emulator never meets the same workflow ids again.
    """

    host: str = "127.0.0.1"
    port: int = 9090
    token: str | None = None
    webhook_url: str | None = None
    webhook_secret: str = "emulator-secret"  # noqa: S105 - a public default for a test tool
    speed: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.speed > 0:
            raise ValueError(f"speed is {self.speed}; it must be greater than zero")
        if self.token == "" or self.webhook_secret == "":
            raise ValueError("an empty token or webhook_secret is a mistake; leave it out instead")
