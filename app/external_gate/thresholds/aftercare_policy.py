"""When a threshold may be switched on again after a failed payment. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from external_gate.domain.aftermath import (
    Aftermath,
    ContractStanding,
    FailureKind,
    Obstacle,
    Stage,
    Way,
)

TRIES = 3
"""How often one threshold is asked to go on before a person must look: what Metronome ignored
thrice, hours apart, it will ignore again (it did so for eleven days in March 2026)."""

LOOK_AGAIN = timedelta(minutes=1)
"""How soon after an obstacle; a workflow that is open, or an incident, may end at any time."""

COMMAND_LOOK = timedelta(hours=1)
"""How often we see whether somebody has switched on what waits for a person."""


@dataclass(frozen=True, slots=True)
class AftercarePolicy:
    """What the configuration says in `[after_failed]`."""

    ways: Mapping[FailureKind, Way] = field(default_factory=dict)
    """A kind that is missing is left alone."""
    schedule: tuple[timedelta, ...] = ()
    """From the failure to switching on: the first, the second … in a row; then no more."""
    limit: int = 3
    """The most times in a row, by whatever way, that one contract is switched on unasked."""
    payer_poll: timedelta = timedelta(minutes=15)
    """How often the payer source is asked."""

    def way(self, failure: FailureKind | None) -> Way:
        """Give what is done after such a failure."""
        return Way.NOTHING if failure is None else self.ways.get(failure, Way.NOTHING)

    def first_look(self, aftermath: Aftermath, now: datetime) -> datetime:
        """Give when something may first have to be done for one that begins to wait."""
        match self.way(aftermath.failure):
            case Way.SCHEDULE if self.schedule:
                return aftermath.began_at + self.schedule[0]
            case Way.COMMAND:
                return now + COMMAND_LOOK
            case _:
                return now

    def rest(self, failure: FailureKind | None) -> timedelta:
        """Give when to look again where nothing speaks for switching on."""
        return self.payer_poll if self.way(failure) is Way.PAYER_CHANGE else COMMAND_LOOK


def followed(standing: ContractStanding) -> Obstacle | None:
    """Say that another workflow came: whoever switched the threshold on, it is over."""
    if standing.follower is None:
        return None
    return Obstacle(f"workflow {standing.follower} followed", end=Stage.FOLLOWED)


def obstacle(
    standing: ContractStanding, *, aftermath: Aftermath, policy: AftercarePolicy, now: datetime
) -> Obstacle | None:
    """Say why a threshold must not be switched on now; None when it may."""
    return followed(standing) or _for_now(standing) or _limit(standing, aftermath, policy, now)


def _for_now(standing: ContractStanding) -> Obstacle | None:
    if standing.open_workflow is not None:
        return Obstacle(f"workflow {standing.open_workflow} of the contract is open")
    if standing.incident is not None:
        workflow_id, kind = standing.incident
        return Obstacle(f"workflow {workflow_id} of the contract has an open incident: {kind}")
    if standing.has_unread_evidence:
        return Obstacle("new evidence about the failed payment is not read yet")
    return None


def _limit(
    standing: ContractStanding, aftermath: Aftermath, policy: AftercarePolicy, now: datetime
) -> Obstacle | None:
    before = standing.enabled_before
    if before >= policy.limit:
        return Obstacle(
            f"switched on {before} times in a row, and after_failed.limit is {policy.limit}",
            end=Stage.LEFT,
        )
    if policy.way(aftermath.failure) is not Way.SCHEDULE:
        return None
    if before >= len(policy.schedule):
        return Obstacle(f"after_failed.schedule is over after {before} times", end=Stage.LEFT)
    due = aftermath.began_at + policy.schedule[before]
    return None if now >= due else Obstacle("its time by schedule has not come", until=due)
