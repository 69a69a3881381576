-- The notifications that ask for no charge: what they report about a gate, their way to others, and
-- how long they are kept.

CREATE TABLE gate_reports (
    notification INTEGER NOT NULL PRIMARY KEY REFERENCES notifications (number),
    kind TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    contract_id TEXT NOT NULL,
    invoice_id TEXT, -- null when a threshold was reached: there is no invoice yet
    workflow_type TEXT NOT NULL,
    status TEXT NOT NULL,
    message TEXT NOT NULL,
    told_at INTEGER, -- Metronome's timestamp; null where there is none that can be read
    at INTEGER NOT NULL, -- when it happened: never after it was received
    received_at INTEGER NOT NULL,
    watch_at INTEGER, -- null unless a threshold was reached and nobody knows yet what followed
    lost_at INTEGER, -- null unless it was reported that nothing followed
    workflow_id TEXT REFERENCES workflows (workflow_id) -- null unless it followed a threshold that was reached
) STRICT;

-- What was reported about a workflow's invoice, or about an invoice that no workflow has yet.
CREATE INDEX gate_reports_by_invoice ON gate_reports (invoice_id) WHERE invoice_id IS NOT NULL;

-- The thresholds of a contract that were reached, the latest of them.
CREATE INDEX gate_reports_reached ON gate_reports (contract_id, at) WHERE invoice_id IS NULL;

-- Those of which nobody knows yet what followed.
CREATE INDEX gate_reports_watched ON gate_reports (watch_at) WHERE watch_at IS NOT NULL;

-- Those that nothing followed.
CREATE INDEX gate_reports_lost ON gate_reports (lost_at) WHERE lost_at IS NOT NULL;

-- One workflow follows one threshold.
CREATE UNIQUE INDEX gate_reports_followed ON gate_reports (workflow_id)
WHERE workflow_id IS NOT NULL;

CREATE TRIGGER reports_say_the_same_for_ever BEFORE UPDATE OF
    notification, kind, customer_id, contract_id, invoice_id, workflow_type, status, message,
    told_at, at, received_at
ON gate_reports
BEGIN
    SELECT RAISE(ABORT, 'what Metronome reported never changes');
END;

-- Null unless the notice is a notification of Metronome's that is passed on as it came.
ALTER TABLE host_notices ADD COLUMN notification INTEGER REFERENCES notifications (number);

-- The headers that are passed on with it, as JSON; null where `notification` is.
ALTER TABLE host_notices ADD COLUMN headers TEXT;

-- A notification is passed on once, and none is pruned before that.
CREATE UNIQUE INDEX host_notices_passed_on ON host_notices (notification)
WHERE notification IS NOT NULL;

-- What may be pruned, the oldest first: neither what asked for a charge, or may have done so, nor
-- what belongs to a workflow.
CREATE INDEX notifications_prunable ON notifications (received_at)
WHERE workflow_id IS NULL AND type NOT IN ('', 'payment_gate.external_initiate');
