"""How a function becomes a check: its name is the id and the demand, its area tells the cure."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from external_gate.testkit.checks import Check
from external_gate.testkit.store_checks.store_trial import StoreTrial

Function = TypeVar("Function", bound=Callable[..., Awaitable[None]])

ROOT = "first-notification-begins-its-workflow"
"""A store that cannot do this can do nothing: whatever else fails is told as its consequence."""


@dataclass(frozen=True, slots=True)
class StoreCase:
    """One check, or one case of it, that can be played on a fresh rig."""

    id: str
    check: Check
    play: Callable[[StoreTrial], Awaitable[None]]
    needs: type | None = None
    """What the rig must be able to do; None when every rig can."""


class Area:
    """One room of the contract; its checks join it by its decorators.

    `cure` is what helps against most faults of the room; a check can have its own. `joined_by` is
    a part of the room whose checks stand in a module of their own.
    """

    def __init__(self, name: str, *, cure: str, joined_by: "Area | None" = None) -> None:
        self.name = name
        self.cases: list[StoreCase] = [*joined_by.cases] if joined_by else []
        self._cure = cure

    def check(
        self, *, cases: Sequence[object] = ((),), cure: str = ""
    ) -> Callable[[Function], Function]:
        """Add a check of a store; a case is the arguments behind it, one or a tuple of them."""

        def added(function: Function) -> Function:
            demand = self._check(function.__name__, cure)
            for number, case in enumerate(cases, 1):
                name = demand.id if len(cases) == 1 else f"{demand.id}[{number}]"
                more = case if isinstance(case, tuple) else (case,)
                self.cases.append(StoreCase(name, demand, _of_store(function, more)))
            return function

        return added

    def trial(self, *, needs: type | None = None, cure: str = "") -> Callable[[Function], Function]:
        """Add a check that needs the whole trial: more handles, a crash, an outage."""

        def added(function: Function) -> Function:
            demand = self._check(function.__name__, cure)
            self.cases.append(StoreCase(demand.id, demand, function, needs))
            return function

        return added

    def _check(self, name: str, cure: str) -> Check:
        words = name.replace("_", " ")
        check_id = name.replace("_", "-")
        return Check(
            id=check_id,
            area=self.name,
            demand=f"{words[0].upper()}{words[1:]}.",
            cure=cure or self._cure,
            explained_by=frozenset({ROOT} - {check_id}),
        )


def _of_store(
    function: Callable[..., Awaitable[None]], case: tuple[object, ...]
) -> Callable[[StoreTrial], Awaitable[None]]:
    return lambda trial: function(trial.store, *case)
