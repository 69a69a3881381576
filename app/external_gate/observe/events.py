"""The names of everything that is logged: constants in the past tense, safe to alert on."""

from typing import Final

import structlog
from structlog.typing import FilteringBoundLogger

# The service.
STARTED: Final = "started"
DRAINING: Final = "draining"
STOPPED: Final = "stopped"
NAMES_IGNORED: Final = "names_ignored"
DATABASE_RESTORED: Final = "database_restored"
LOG_LINES_LOST: Final = "log_lines_lost"
CONNECTIONS_CLOSED: Final = "connections_closed"  # by us: too slow, unread, or too many

# Notifications of Metronome's.
NOTIFICATION_RECORDED: Final = "notification_recorded"
NOTIFICATION_FLAWED: Final = "notification_flawed"
NOTIFICATION_CONFLICTED: Final = "notification_conflicted"
NOTIFICATION_REFUSED: Final = "notification_refused"
NOTIFICATIONS_SHED: Final = "notifications_shed"  # answered 503: Metronome delivers them again
WEBHOOK_MISSED: Final = "webhook_missed"  # a threshold was reached, and no charge asked for
NOTIFICATIONS_PRUNED: Final = "notifications_pruned"
INBOX_FAILED: Final = "inbox_failed"  # nothing of it is recorded until it ends
INBOX_ENTRY_FAILED: Final = "inbox_entry_failed"  # it stays, and is tried again
ROUND_FAILED: Final = "round_failed"  # it is made again at its next time
CLOCK_SUSPECTED: Final = "clock_suspected"

# Notices of gateways.
GATEWAY_NOTICE_RECORDED: Final = "gateway_notice_recorded"
GATEWAY_NOTICE_UNMATCHED: Final = "gateway_notice_unmatched"
GATEWAY_NOTICE_MISDIRECTED: Final = "gateway_notice_misdirected"
GATEWAY_NOTICE_IGNORED: Final = "gateway_notice_ignored"
GATEWAY_NOTICE_REFUSED: Final = "gateway_notice_refused"
GATEWAY_ADAPTER_FAILED: Final = "gateway_adapter_failed"

# Notices to the host application.
NOTICE_DELIVERED: Final = "notice_delivered"
NOTICE_NOT_ACCEPTED: Final = "notice_not_accepted"  # it is sent again
NOTICE_BURIED: Final = "notice_buried"  # given up: only a person sends it again
NOTICE_ENDPOINT_CLOSED: Final = "notice_endpoint_closed"  # it wants nothing any more
COURIER_FAILED: Final = "courier_failed"  # nothing is delivered until it ends

# After failed payments.
THRESHOLD_OFF_CONFIRMED: Final = "threshold_off_confirmed"
THRESHOLD_ENABLE_INTENDED: Final = "threshold_enable_intended"
THRESHOLD_ENABLED: Final = "threshold_enabled"
THRESHOLD_LEFT_DISABLED: Final = "threshold_left_disabled"
THRESHOLD_FOLLOWED: Final = "threshold_followed"  # somebody else switched it on
THRESHOLD_ABANDONED: Final = "threshold_abandoned"  # Metronome did not switch it on
AFTERMATH_POSTPONED: Final = "aftermath_postponed"
AFTERCARE_FAILED: Final = "aftercare_failed"  # nothing is done until it ends
PAYER_CHANGE_NOTED: Final = "payer_change_noted"
PAYER_CHANGE_REFUSED: Final = "payer_change_refused"

# One save of a workflow, named after the state that it reached.
WORKFLOW_READIED: Final = "workflow_readied"
CHARGE_INTENDED: Final = "charge_intended"
CHARGE_LEFT_UNRESOLVED: Final = "charge_left_unresolved"
CHARGE_LEFT_PENDING: Final = "charge_left_pending"
PAID_DECIDED: Final = "paid_decided"
FAILED_DECIDED: Final = "failed_decided"
WORKFLOW_HELD: Final = "workflow_held"
REFUND_BEGUN: Final = "refund_begun"
WORKFLOW_RELEASED: Final = "workflow_released"
WORKFLOW_CANCELLED: Final = "workflow_cancelled"
WORKFLOW_REFUNDED: Final = "workflow_refunded"
STEP_SAVED: Final = "step_saved"  # without a move

# What went otherwise than hoped.
INCIDENT_RAISED: Final = "incident_raised"
LEASE_LOST: Final = "lease_lost"
CLAIM_FAILED: Final = "claim_failed"  # nothing is worked on until it ends
STEP_FAILED: Final = "step_failed"

# Calls to the outside.
GATEWAY_CALLED: Final = "gateway_called"
GATEWAY_LEFT_UNKNOWN: Final = "gateway_left_unknown"
RELEASE_ANSWERED: Final = "release_answered"
RELEASE_UNAUTHORIZED: Final = "release_unauthorized"


def log() -> FilteringBoundLogger:
    """Give the service's logger; it follows `logs.configure`, whenever that is called."""
    logger: FilteringBoundLogger = structlog.get_logger("external_gate")
    return logger
