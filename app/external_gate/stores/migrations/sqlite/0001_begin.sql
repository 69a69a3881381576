-- Everything that the main job keeps. Instants are milliseconds since 1970 (UTC), money is whole
-- minor units; what is null, and when, stands beside each column.

CREATE TABLE workflows (
    -- Ours alone: what is written often for a workflow names it by this, in a tenth of the bytes.
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow_id TEXT NOT NULL UNIQUE,
    workflow_type TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    contract_id TEXT NOT NULL,
    invoice_id TEXT NOT NULL,
    invoice_total TEXT, -- a decimal in Metronome's unit; null when the notification was not understood
    invoice_currency TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN (
        'received', 'ready', 'charging', 'unresolved', 'pending', 'paid', 'declined', 'held',
        'refunding', 'released', 'cancelled', 'refunded'
    )),
    received_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    due_at INTEGER, -- as the engine saved it; null when only a person or new evidence can move it
    claimable_at INTEGER, -- as the store moves it: null when nothing is due and nobody has claimed it
    lease_until INTEGER, -- null while nobody has claimed it
    lease_owner TEXT, -- null while nobody has claimed it
    fence INTEGER NOT NULL DEFAULT 0,
    held_reason TEXT, -- null while not held
    held_detail TEXT NOT NULL DEFAULT '',
    verdict TEXT CHECK (verdict IN ('paid', 'failed')), -- null until a release may have been sent
    amount_minor INTEGER, -- null until the invoice was read
    currency TEXT, -- null until the invoice was read
    rounding TEXT NOT NULL DEFAULT '0',
    tries INTEGER NOT NULL DEFAULT 0,
    trying_since INTEGER, -- null off the ladder
    pending_deadline INTEGER, -- null while no charge is pending
    undo_asked_at INTEGER, -- null while no cancel or refund was asked for
    hold_wanted TEXT, -- null while nobody asked for a hold
    hold_wanted_detail TEXT NOT NULL DEFAULT '',
    approvals TEXT NOT NULL DEFAULT '[]',
    restored_at INTEGER, -- null while the database was never found to be an older copy
    void_seen_at INTEGER, -- null until the invoice was read back as void
    release_generation INTEGER NOT NULL DEFAULT 0,
    evidence_read INTEGER NOT NULL DEFAULT 0,
    money_seen INTEGER NOT NULL DEFAULT 0 CHECK (money_seen IN (0, 1)),
    CHECK (state <> 'held' OR held_reason IS NOT NULL),
    CHECK ((amount_minor IS NULL) = (currency IS NULL)),
    CHECK ((lease_until IS NULL) = (lease_owner IS NULL)),
    -- Claimed, it can be claimed again when the lease ends: one index answers who can be claimed.
    CHECK (lease_until IS NULL OR claimable_at = lease_until)
) STRICT;

-- Claiming: neither finished nor leased rows lie in the range that it reads.
CREATE INDEX workflows_claimable ON workflows (claimable_at) WHERE claimable_at IS NOT NULL;

-- Counting and listing what is unfinished, without touching history.
CREATE INDEX workflows_unfinished ON workflows (state, received_at, held_reason)
WHERE state NOT IN ('released', 'cancelled', 'refunded');

-- One payment per invoice: who else has this invoice.
CREATE INDEX workflows_by_invoice ON workflows (invoice_id);

-- Listing, newest first, page by page; the few of one millisecond are put in order when read.
CREATE INDEX workflows_by_arrival ON workflows (received_at);

-- Listing one customer's, newest first.
CREATE INDEX workflows_by_customer ON workflows (customer_id, received_at);

CREATE TRIGGER ended_workflows_stay_ended BEFORE UPDATE OF state ON workflows
WHEN OLD.state IN ('released', 'cancelled', 'refunded') AND NEW.state <> OLD.state
BEGIN
    SELECT RAISE(ABORT, 'an ended workflow never moves again');
END;

CREATE TRIGGER decided_verdicts_stay BEFORE UPDATE OF verdict ON workflows
WHEN OLD.verdict IS NOT NULL AND NEW.verdict IS NOT OLD.verdict AND OLD.state <> 'refunding'
BEGIN
    SELECT RAISE(ABORT, 'a decided verdict never changes, unless the money was given back');
END;

CREATE TRIGGER facts_stay BEFORE UPDATE OF
    workflow_id, workflow_type, customer_id, contract_id, invoice_id, invoice_total, invoice_currency
ON workflows
BEGIN
    SELECT RAISE(ABORT, 'what a notification said never changes');
END;

-- An old notification must find its workflow for ever, or it would charge again.
CREATE TRIGGER workflows_stay BEFORE DELETE ON workflows
BEGIN
    SELECT RAISE(ABORT, 'workflows outlive retention');
END;

CREATE TABLE notifications (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    notification_id TEXT NOT NULL,
    type TEXT NOT NULL,
    digest BLOB NOT NULL,
    body BLOB NOT NULL,
    signed_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    deliveries INTEGER NOT NULL DEFAULT 1,
    flaw TEXT, -- null when the body was understood
    -- Null when it asks for no charge, or does not say for which workflow. The workflow is written
    -- after its notification, in the same transaction.
    workflow_id TEXT REFERENCES workflows (workflow_id) DEFERRABLE INITIALLY DEFERRED,
    -- A repeated delivery is one row.
    UNIQUE (notification_id, type, digest)
) STRICT;

-- What a workflow was told; without it, every new workflow would search all notifications for rows
-- that wait for it (the foreign key).
CREATE INDEX notifications_by_workflow ON notifications (workflow_id)
WHERE workflow_id IS NOT NULL;

-- Listing what was not understood.
CREATE INDEX notifications_flawed ON notifications (number) WHERE flaw IS NOT NULL;

CREATE TABLE attempts (
    workflow_id TEXT NOT NULL REFERENCES workflows (workflow_id),
    number INTEGER NOT NULL CHECK (number >= 1),
    -- Evidence and notices find their attempt by its key.
    attempt_key TEXT NOT NULL UNIQUE,
    gateway TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    charge TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    sends INTEGER NOT NULL CHECK (sends >= 0),
    first_sent_at INTEGER, -- null until the first intent to send
    send_deadline INTEGER, -- null until the first intent to send
    last_possible_send INTEGER, -- null until the first intent to send
    closed INTEGER NOT NULL CHECK (closed IN (0, 1)),
    PRIMARY KEY (workflow_id, number)
) STRICT; -- with a rowid: without one, every row of this size would take a page of its own

-- P2: one open attempt per workflow.
CREATE UNIQUE INDEX attempts_open ON attempts (workflow_id) WHERE closed = 0;

CREATE TRIGGER attempts_are_frozen BEFORE UPDATE ON attempts
WHEN NEW.workflow_id <> OLD.workflow_id OR NEW.number <> OLD.number
    OR NEW.attempt_key <> OLD.attempt_key OR NEW.gateway <> OLD.gateway
    OR NEW.amount_minor <> OLD.amount_minor OR NEW.currency <> OLD.currency
    OR NEW.charge <> OLD.charge OR NEW.body <> OLD.body OR NEW.created_at <> OLD.created_at
BEGIN
    SELECT RAISE(ABORT, 'an attempt keeps its key, gateway, money and bytes');
END;

CREATE TRIGGER closed_attempts_stay_closed BEFORE UPDATE ON attempts
WHEN OLD.closed = 1 AND (NEW.closed = 0 OR NEW.sends <> OLD.sends)
BEGIN
    SELECT RAISE(ABORT, 'a closed attempt is never sent again');
END;

CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts
BEGIN
    SELECT RAISE(ABORT, 'attempts outlive retention');
END;

CREATE TABLE evidence (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow_id TEXT NOT NULL REFERENCES workflows (workflow_id),
    attempt_key TEXT NOT NULL REFERENCES attempts (attempt_key),
    source TEXT NOT NULL,
    answer TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    at INTEGER NOT NULL,
    send INTEGER NOT NULL
) STRICT;

-- A workflow's evidence in order, and the newest of it.
CREATE INDEX evidence_by_workflow ON evidence (workflow_id, number);

CREATE TRIGGER evidence_is_never_changed BEFORE UPDATE ON evidence
BEGIN
    SELECT RAISE(ABORT, 'evidence is only ever appended');
END;

CREATE TRIGGER evidence_stays BEFORE DELETE ON evidence
BEGIN
    SELECT RAISE(ABORT, 'evidence is only ever appended');
END;

CREATE TABLE releases (
    workflow_id TEXT NOT NULL REFERENCES workflows (workflow_id),
    verdict TEXT NOT NULL CHECK (verdict IN ('paid', 'failed')),
    generation INTEGER NOT NULL,
    -- No two releases share an idempotency key: it is made of what makes the row unique.
    release_key TEXT NOT NULL
        CHECK (release_key = 'r-' || workflow_id || '-' || verdict || '-' || generation),
    first_sent_at INTEGER NOT NULL,
    sends INTEGER NOT NULL,
    answered_at INTEGER, -- null while every send of it is unanswered
    answer TEXT NOT NULL,
    PRIMARY KEY (workflow_id, verdict, generation)
) STRICT, WITHOUT ROWID;

CREATE TABLE history (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow INTEGER NOT NULL REFERENCES workflows (number),
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    event TEXT NOT NULL,
    reason TEXT NOT NULL,
    who TEXT NOT NULL,
    from_state TEXT, -- null when nothing moved, and at the beginning
    to_state TEXT, -- null when nothing moved
    facts TEXT NOT NULL
) STRICT;

-- A workflow's history; its few lines are put in order when they are read.
CREATE INDEX history_by_workflow ON history (workflow);

CREATE TRIGGER history_is_never_changed BEFORE UPDATE ON history
BEGIN
    SELECT RAISE(ABORT, 'history is only ever appended');
END;

CREATE TRIGGER history_stays BEFORE DELETE ON history
BEGIN
    SELECT RAISE(ABORT, 'history is only ever appended');
END;

CREATE TABLE incidents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow_id TEXT NOT NULL REFERENCES workflows (workflow_id),
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    detail TEXT NOT NULL
) STRICT;

-- A workflow's incidents in order.
CREATE INDEX incidents_by_workflow ON incidents (workflow_id, number);

-- Counting by kind reads this index alone.
CREATE INDEX incidents_by_kind ON incidents (kind);

CREATE TRIGGER incidents_are_never_changed BEFORE UPDATE ON incidents
BEGIN
    SELECT RAISE(ABORT, 'incidents are only ever appended');
END;

CREATE TRIGGER incidents_stay BEFORE DELETE ON incidents
BEGIN
    SELECT RAISE(ABORT, 'incidents are only ever appended');
END;

CREATE TABLE payers (
    customer_id TEXT NOT NULL PRIMARY KEY,
    gateway_customer TEXT NOT NULL,
    payment_method TEXT NOT NULL,
    gateway TEXT -- null takes the default route
) STRICT, WITHOUT ROWID;

-- `high_water`: the latest time that any process of ours has seen.
-- `restored_at`: that mark of the lost life, when the database was found to be an older copy.
CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
