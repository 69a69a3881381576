"""What becomes of a contract after a failed payment: Metronome switched its threshold off. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from external_gate.domain.errors import Refused
from external_gate.domain.host_notice import HostNotice
from external_gate.domain.identifiers import CustomerId, WorkflowId
from external_gate.domain.ledger import HistoryEntry, Incident, IncidentKind
from external_gate.domain.workflow import Facts


class FailureKind(StrEnum):
    """Why the last attempt of a failed payment took no money; keys of the configuration."""

    SOFT = "soft"  # the gateway declined; another time perhaps
    HARD = "hard"  # the gateway declined; never with this payment method
    CUSTOMER_ACTION = "customer_action"  # the customer was asked to act, and did not
    NO_DECLINE = "no_decline"  # nobody declined: a guard refused, a cancel, a person's decision


class Way(StrEnum):
    """How a threshold is switched on again; words of the configuration."""

    NOTHING = "nothing"  # it stays off
    COMMAND = "command"  # a person does it: `external-gate thresholds enable`
    PAYER_CHANGE = "payer_change"  # when the customer's payment method changes
    SCHEDULE = "schedule"  # after a time


class Stage(StrEnum):
    """How far an aftermath is; pinned, programs read it."""

    CONFIRMING = "confirming"  # Metronome must be seen to have switched the threshold off
    WAITING = "waiting"  # for what the configuration says
    ENABLING = "enabling"  # the intent is saved; the change may be on the wire
    ENABLED = "enabled"  # the threshold was read back as on
    LEFT = "left"  # nobody switches it on unasked any more
    FOLLOWED = "followed"  # another workflow came: somebody else switched it on
    GIVEN_UP = "given_up"  # Metronome did not do it; a person must


GOING_ON = frozenset({Stage.CONFIRMING, Stage.WAITING, Stage.ENABLING})
"""The stages in which something is due; all others are ends."""


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is done after one workflow of which `failed` was told."""

    facts: Facts
    """Of the failed workflow."""
    began_at: datetime
    """When the workflow was cancelled."""
    updated_at: datetime
    stage: Stage
    due_at: datetime | None
    """When it is looked at next; None exactly when it has ended."""
    fence: int = 0
    lease_until: datetime | None = None
    """While somebody works on it."""
    failure: FailureKind | None = None
    """None until the failure was looked at."""
    threshold: str | None = None
    """Which threshold went off, `spend` or `prepaid`; None until it was looked at."""
    tries: int = 0
    """How often switching on was intended; each with a key of its own. Never falls."""
    looks: int = 0
    """Looks of the present stage that came to nothing: how far up the ladder it is."""
    payer_digest: str | None = None
    """Of the payer who was charged in vain; None when nobody was."""
    detail: str = ""
    """What it waits for or how it ended, in words."""
    payer_changed_at: datetime | None = None
    """When the host application last said that the customer's payer changed."""
    payer_change_told_by: str = ""
    """The operator who said so; empty when nobody did."""

    @property
    def workflow_id(self) -> WorkflowId:
        """Give the failed workflow."""
        return self.facts.workflow_id

    @property
    def customer_id(self) -> CustomerId:
        """Give its customer."""
        return self.facts.customer_id

    @property
    def is_going_on(self) -> bool:
        """Whether something is still to be done or waited for."""
        return self.stage in GOING_ON


@dataclass(frozen=True, slots=True)
class ContractStanding:
    """What our books know about a failed workflow's contract, read in one transaction."""

    open_workflow: WorkflowId | None = None
    """Another workflow of the contract that has not ended."""
    follower: WorkflowId | None = None
    """The first workflow of the same contract and type that came after the failed one."""
    incident: tuple[WorkflowId, IncidentKind] | None = None
    """The newest open incident of the contract: no workflow received after it was released."""
    has_unread_evidence: bool = False
    """Whether the failed workflow has evidence that no decision has read yet."""
    enabled_before: int = 0
    """How many other workflows of the contract, since its latest release, we have switched it on
    after (or intended to)."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a threshold is not switched on now."""

    why: str
    until: datetime | None = None
    """When to look again; None leaves it to whoever asks."""
    end: Stage | None = None
    """The end that it means; None when it is only for now."""


@dataclass(frozen=True, slots=True)
class AftermathChange:
    """One save of an aftermath, with what it tells, all in one transaction."""

    after: Aftermath
    """As it shall stand; its fence must still be the newest."""
    history: tuple[HistoryEntry, ...] = ()
    """Joins the failed workflow's history."""
    incidents: tuple[Incident, ...] = ()
    """Join the failed workflow's incidents."""
    notices: tuple[HostNotice, ...] = ()
    judge: Callable[[ContractStanding], Obstacle | None] | None = None
    """Asked inside the transaction; an obstacle raises `Obstructed`, and nothing is written."""
    give_back: bool = True
    """Whether the lease ends with this save."""


class Obstructed(Refused):
    """The contract's standing does not allow the change; nothing was written."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(obstacle.why)
        self.obstacle = obstacle
