"""What a database refuses by itself, whoever asks; in SQL that both databases understand."""

NEXT_ATTEMPT = """
INSERT INTO attempts (
    workflow_id, number, attempt_key, gateway, amount_minor, currency, charge, body, created_at,
    sends, closed
)
SELECT workflow_id, 2, 'key-2', gateway, amount_minor, currency, charge, body, created_at, 0, 0
FROM attempts WHERE workflow_id = 'workflow-2'
"""

STRAY_EVIDENCE = """
INSERT INTO evidence (workflow_id, attempt_key, source, answer, asked_at, at, send)
VALUES ('workflow-1', 'nobody', 'lookup', '{}', 0, 0, 0)
"""

FORBIDDEN = [
    "UPDATE evidence SET answer = '{}'",
    "DELETE FROM evidence",
    "UPDATE history SET reason = 'another'",
    "DELETE FROM history",
    "UPDATE incidents SET detail = 'another'",
    "DELETE FROM incidents",
    "DELETE FROM attempts",
    "DELETE FROM workflows",
    "UPDATE workflows SET invoice_total = '1'",
    "UPDATE workflows SET customer_id = 'somebody else'",
    "UPDATE workflows SET state = 'ready' WHERE state = 'released'",
    "UPDATE workflows SET state = 'cancelled' WHERE state = 'released'",
    "UPDATE workflows SET state = 'nowhere' WHERE state = 'charging'",
    "UPDATE workflows SET state = 'held' WHERE state = 'charging'",  # without a reason
    "UPDATE workflows SET lease_until = NULL WHERE state = 'charging'",  # with an owner
    "UPDATE workflows SET claimable_at = 0 WHERE state = 'charging'",  # taken from its worker
    "UPDATE workflows SET amount_minor = 1",  # without a currency
    "UPDATE workflows SET due_at = 'soon'",
    "UPDATE attempts SET attempt_key = 'another' WHERE workflow_id = 'workflow-2'",
    "UPDATE attempts SET amount_minor = 1",
    "UPDATE attempts SET sends = -1",
    "UPDATE gateway_notices SET claim = '{}'",
    "UPDATE gateway_notices SET evidence = 99",  # which is none
    "UPDATE aftermaths SET tries = -1",
    "UPDATE aftermaths SET stage = 'somewhere'",
    "UPDATE aftermaths SET due_at = NULL",  # while it goes on
    NEXT_ATTEMPT,
    STRAY_EVIDENCE,
]
