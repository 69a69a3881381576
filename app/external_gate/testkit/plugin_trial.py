"""What trying a payer source and trying a notice sink have in common, each part on its own rig."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from enum import StrEnum
from typing import Protocol, TypeVar

from external_gate.testkit.log_ears import listening
from external_gate.testkit.plugin_stage import Tried
from external_gate.testkit.stage import SharedCaller
from external_gate.testkit.violation import Notebook, ScenarioResult

TIMEOUT_SECONDS = 5.0
SHORT_TIMEOUT_SECONDS = 0.4
"""For whoever is silent, so that the kit need not wait for long."""

GRACE_SECONDS = 2.0
LONGEST_GAP_SECONDS = 0.25
"""For which the event loop may stand still; the answer is held for one second."""


class RigWithSecrets(Protocol):
    """What playing a part needs of every rig."""

    @property
    def secrets(self) -> Sequence[str]:
        """Give the secrets in its settings."""
        ...


OwnRig = TypeVar("OwnRig", bound=RigWithSecrets)
OwnPart = TypeVar("OwnPart", bound=StrEnum)


async def play_parts(
    parts: Iterable[OwnPart],
    make_rig: Callable[[], OwnRig],
    play: Callable[[OwnPart, OwnRig, SharedCaller, Notebook], Awaitable[None]],
    *,
    promise: str,
) -> tuple[ScenarioResult, ...]:
    """Play every part with a fresh rig, listening for its secrets.

    `promise` is the promise to customers that is at stake.
    """
    caller = SharedCaller()
    results: list[ScenarioResult] = []
    try:
        for part in parts:
            rig = make_rig()
            result = ScenarioResult(part, "", promise)
            with listening(result, rig.secrets):
                await play(part, rig, caller, Notebook(result, rig.secrets))
            results.append(result)
    finally:
        await caller.aclose()
    return tuple(results)


async def must_not_block(book: Notebook, act_slowly: Callable[[], Awaitable[Tried]]) -> bool:
    """Demand that the event loop goes on while an answer is held; tell whether it does."""
    gaps = []
    for _ in range(3):  # a busy machine stalls now and then, a plugin that blocks at every try
        done = await act_slowly()
        gaps.append(done.gap_seconds)
        if done.gap_seconds < LONGEST_GAP_SECONDS:
            break
    sentence = f"the event loop stood still for {min(gaps):.1f} s of an answer held for 1 s"
    return book.must("does-not-block", min(gaps) < LONGEST_GAP_SECONDS, sentence)


def must_use_caller(book: Notebook, done: Tried) -> None:
    """Demand that no call went another way than through the caller."""
    around = len(done.calls) - done.caller_calls
    sentence = f"{around} of {len(done.calls)} calls went past surroundings.caller"
    book.must("only-way-out", around <= 0, sentence, done.calls)


def texts_of(error: BaseException | None) -> list[str]:
    """Give all that an error and its causes say."""
    texts = []
    while error is not None:
        texts.append(f"{error} {error!r}")
        error = error.__cause__ or error.__context__
    return texts


def plugin_name(plugin: object) -> str:
    """Name what is certified: `module.Class`."""
    return f"{getattr(plugin, '__module__', '?')}.{getattr(plugin, '__qualname__', '?')}"
