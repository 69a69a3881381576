"""What the author of a notice sink provides to certify it: a receiver, and what it has taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from external_gate.notices.sink_registry import NoticeSinkClass


@dataclass(frozen=True, slots=True)
class TakenNotice:
    """One notice as the receiver has it."""

    message_id: str
    body: bytes


class SinkRig(Protocol):
    """A notice sink with somebody to receive; this page is the whole specification.

    A fresh rig is made for every check; making one opens nothing. `start` and `stop` are called
    once each, in an event loop and a thread of the kit's own, so that a sink that blocks cannot
    stop its receiver.
    """

    @property
    def sink(self) -> NoticeSinkClass:
        """Give the class that the entry point names."""
        ...

    @property
    def secrets(self) -> Sequence[str]:
        """Give the secrets in `settings`: they must never show up in logs, errors or causes."""
        ...

    @property
    def taken(self) -> Sequence[TakenNotice]:
        """Give what the receiver has, in order; only what it accepts as genuine, repeats too."""
        ...

    def settings(self, base_url: str) -> Mapping[str, object]:
        """Give the keys of `[notices.NAME]` without `sink`, `timeout_seconds`, `allow_private`.

        `base_url` is the address that `start` gave, with the kit's proxy in between.
        """
        ...

    async def start(self) -> str:
        """Start the receiver on a real socket (port 0) and give its address."""
        ...

    async def stop(self) -> None:
        """Stop it and close every socket."""
        ...
