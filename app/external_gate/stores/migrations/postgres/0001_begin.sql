-- Everything that the main job keeps. Instants are milliseconds since 1970 (UTC), money is whole
-- minor units; what is null, and when, stands beside each column. All of it lies in the schema of
-- `store.namespace`. Text is compared byte by byte, as in SQLite, whatever the database's language.

-- What SQLite brings along and the statements of the store use: min and max of values in a row, null
-- when one of them is, and the elements of a JSON list. Plain SQL, so that the planner sees through.
CREATE FUNCTION max(a bigint, b bigint) RETURNS bigint IMMUTABLE PARALLEL SAFE LANGUAGE sql
AS $$ SELECT CASE WHEN a >= b THEN a WHEN a < b THEN b END $$;

CREATE FUNCTION min(a bigint, b bigint) RETURNS bigint IMMUTABLE PARALLEL SAFE LANGUAGE sql
AS $$ SELECT CASE WHEN a <= b THEN a WHEN a > b THEN b END $$;

CREATE FUNCTION min(a bigint, b bigint, c bigint) RETURNS bigint IMMUTABLE PARALLEL SAFE LANGUAGE sql
AS $$
    SELECT CASE WHEN a IS NOT NULL AND b IS NOT NULL AND c IS NOT NULL
        THEN LEAST(a, b, c)
    END
$$;

-- STRICT keeps the planner from seeing through this one: it would believe in a hundred elements, and
-- rather read a table as a whole. Mostly there is one, and at most a batch.
CREATE FUNCTION json_each(list text) RETURNS TABLE (value text)
IMMUTABLE STRICT PARALLEL SAFE ROWS 8 LANGUAGE sql
AS $$ SELECT * FROM pg_catalog.json_array_elements_text(list::pg_catalog.json) $$;

-- What the triggers below say, with a code of our own.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'EG001', MESSAGE = TG_ARGV[0]; END $$;

CREATE TABLE workflows (
    -- Ours alone: what is written often for a workflow names it by this, in a fifth of the bytes.
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workflow_id text COLLATE "C" NOT NULL UNIQUE,
    workflow_type text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    contract_id text COLLATE "C" NOT NULL,
    invoice_id text COLLATE "C" NOT NULL,
    invoice_total text COLLATE "C", -- a decimal in Metronome's unit; null when the notification was not understood
    invoice_currency text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN (
        'received', 'ready', 'charging', 'unresolved', 'pending', 'paid', 'declined', 'held',
        'refunding', 'released', 'cancelled', 'refunded'
    )),
    received_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    due_at bigint, -- as the engine saved it; null when only a person or new evidence can move it
    claimable_at bigint, -- as the store moves it: null when nothing is due and nobody has claimed it
    lease_until bigint, -- null while nobody has claimed it
    lease_owner text COLLATE "C", -- null while nobody has claimed it
    fence bigint NOT NULL DEFAULT 0,
    held_reason text COLLATE "C", -- null while not held
    held_detail text COLLATE "C" NOT NULL DEFAULT '',
    verdict text COLLATE "C" CHECK (verdict IN ('paid', 'failed')), -- null until a release may have been sent
    amount_minor bigint, -- null until the invoice was read
    currency text COLLATE "C", -- null until the invoice was read
    rounding text COLLATE "C" NOT NULL DEFAULT '0',
    tries integer NOT NULL DEFAULT 0,
    trying_since bigint, -- null off the ladder
    pending_deadline bigint, -- null while no charge is pending
    undo_asked_at bigint, -- null while no cancel or refund was asked for
    hold_wanted text COLLATE "C", -- null while nobody asked for a hold
    hold_wanted_detail text COLLATE "C" NOT NULL DEFAULT '',
    approvals text COLLATE "C" NOT NULL DEFAULT '[]',
    restored_at bigint, -- null while the database was never found to be an older copy
    void_seen_at bigint, -- null until the invoice was read back as void
    release_generation integer NOT NULL DEFAULT 0,
    evidence_read bigint NOT NULL DEFAULT 0,
    money_seen integer NOT NULL DEFAULT 0 CHECK (money_seen IN (0, 1)),
    CHECK (state <> 'held' OR held_reason IS NOT NULL),
    CHECK ((amount_minor IS NULL) = (currency IS NULL)),
    CHECK ((lease_until IS NULL) = (lease_owner IS NULL)),
    -- Claimed, it can be claimed again when the lease ends: one index answers who can be claimed.
    CHECK (lease_until IS NULL OR claimable_at = lease_until)
)
-- Its rows change some ten times and then never again: room for new versions beside the old ones,
-- and a cleaning after thousands of changes, however long the history has grown.
WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000);

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

CREATE TRIGGER ended_workflows_stay_ended BEFORE UPDATE OF state ON workflows FOR EACH ROW
WHEN (OLD.state IN ('released', 'cancelled', 'refunded') AND NEW.state <> OLD.state)
EXECUTE FUNCTION refuse('an ended workflow never moves again');

CREATE TRIGGER decided_verdicts_stay BEFORE UPDATE OF verdict ON workflows FOR EACH ROW
WHEN (OLD.verdict IS NOT NULL AND NEW.verdict IS DISTINCT FROM OLD.verdict AND OLD.state <> 'refunding')
EXECUTE FUNCTION refuse('a decided verdict never changes, unless the money was given back');

CREATE TRIGGER facts_stay BEFORE UPDATE OF
    workflow_id, workflow_type, customer_id, contract_id, invoice_id, invoice_total, invoice_currency
ON workflows
FOR EACH ROW EXECUTE FUNCTION refuse('what a notification said never changes');

-- An old notification must find its workflow for ever, or it would charge again.
CREATE TRIGGER workflows_stay BEFORE DELETE ON workflows
FOR EACH ROW EXECUTE FUNCTION refuse('workflows outlive retention');

CREATE TABLE notifications (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notification_id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    body bytea NOT NULL,
    signed_at bigint NOT NULL,
    received_at bigint NOT NULL,
    deliveries integer NOT NULL DEFAULT 1,
    flaw text COLLATE "C", -- null when the body was understood
    -- Null when it asks for no charge, or does not say for which workflow. The workflow is written
    -- after its notification, in the same transaction.
    workflow_id text COLLATE "C" REFERENCES workflows (workflow_id) DEFERRABLE INITIALLY DEFERRED,
    -- A repeated delivery is one row.
    UNIQUE (notification_id, type, digest)
);

-- What a workflow was told; without it, every new workflow would search all notifications for rows
-- that wait for it (the foreign key).
CREATE INDEX notifications_by_workflow ON notifications (workflow_id)
WHERE workflow_id IS NOT NULL;

-- Listing what was not understood.
CREATE INDEX notifications_flawed ON notifications (number) WHERE flaw IS NOT NULL;

CREATE TABLE attempts (
    workflow_id text COLLATE "C" NOT NULL REFERENCES workflows (workflow_id),
    number integer NOT NULL CHECK (number >= 1),
    -- Evidence and notices find their attempt by its key.
    attempt_key text COLLATE "C" NOT NULL UNIQUE,
    gateway text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL,
    currency text COLLATE "C" NOT NULL,
    charge text COLLATE "C" NOT NULL,
    body bytea NOT NULL,
    created_at bigint NOT NULL,
    sends integer NOT NULL CHECK (sends >= 0),
    first_sent_at bigint, -- null until the first intent to send
    send_deadline bigint, -- null until the first intent to send
    last_possible_send bigint, -- null until the first intent to send
    closed integer NOT NULL CHECK (closed IN (0, 1)),
    PRIMARY KEY (workflow_id, number)
);

-- P2: one open attempt per workflow.
CREATE UNIQUE INDEX attempts_open ON attempts (workflow_id) WHERE closed = 0;

CREATE TRIGGER attempts_are_frozen BEFORE UPDATE ON attempts FOR EACH ROW
WHEN (NEW.workflow_id <> OLD.workflow_id OR NEW.number <> OLD.number
    OR NEW.attempt_key <> OLD.attempt_key OR NEW.gateway <> OLD.gateway
    OR NEW.amount_minor <> OLD.amount_minor OR NEW.currency <> OLD.currency
    OR NEW.charge <> OLD.charge OR NEW.body <> OLD.body OR NEW.created_at <> OLD.created_at)
EXECUTE FUNCTION refuse('an attempt keeps its key, gateway, money and bytes');

CREATE TRIGGER closed_attempts_stay_closed BEFORE UPDATE ON attempts FOR EACH ROW
WHEN (OLD.closed = 1 AND (NEW.closed = 0 OR NEW.sends <> OLD.sends))
EXECUTE FUNCTION refuse('a closed attempt is never sent again');

CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts
FOR EACH ROW EXECUTE FUNCTION refuse('attempts outlive retention');

CREATE TABLE evidence (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workflow_id text COLLATE "C" NOT NULL REFERENCES workflows (workflow_id),
    attempt_key text COLLATE "C" NOT NULL REFERENCES attempts (attempt_key),
    source text COLLATE "C" NOT NULL,
    answer text COLLATE "C" NOT NULL,
    asked_at bigint NOT NULL,
    at bigint NOT NULL,
    send integer NOT NULL
);

-- A workflow's evidence in order, and the newest of it.
CREATE INDEX evidence_by_workflow ON evidence (workflow_id, number);

CREATE TRIGGER evidence_is_never_changed BEFORE UPDATE ON evidence
FOR EACH ROW EXECUTE FUNCTION refuse('evidence is only ever appended');

CREATE TRIGGER evidence_stays BEFORE DELETE ON evidence
FOR EACH ROW EXECUTE FUNCTION refuse('evidence is only ever appended');

CREATE TABLE releases (
    workflow_id text COLLATE "C" NOT NULL REFERENCES workflows (workflow_id),
    verdict text COLLATE "C" NOT NULL CHECK (verdict IN ('paid', 'failed')),
    generation integer NOT NULL,
    -- No two releases share an idempotency key: it is made of what makes the row unique.
    release_key text COLLATE "C" NOT NULL
        CHECK (release_key = 'r-' || workflow_id || '-' || verdict || '-' || generation),
    first_sent_at bigint NOT NULL,
    sends integer NOT NULL,
    answered_at bigint, -- null while every send of it is unanswered
    answer text COLLATE "C" NOT NULL,
    PRIMARY KEY (workflow_id, verdict, generation)
);

CREATE TABLE history (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workflow bigint NOT NULL REFERENCES workflows (number),
    at bigint NOT NULL,
    actor text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    who text COLLATE "C" NOT NULL,
    from_state text COLLATE "C", -- null when nothing moved, and at the beginning
    to_state text COLLATE "C", -- null when nothing moved
    facts text COLLATE "C" NOT NULL
);

-- A workflow's history; its few lines are put in order when they are read.
CREATE INDEX history_by_workflow ON history (workflow);

CREATE TRIGGER history_is_never_changed BEFORE UPDATE ON history
FOR EACH ROW EXECUTE FUNCTION refuse('history is only ever appended');

CREATE TRIGGER history_stays BEFORE DELETE ON history
FOR EACH ROW EXECUTE FUNCTION refuse('history is only ever appended');

CREATE TABLE incidents (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workflow_id text COLLATE "C" NOT NULL REFERENCES workflows (workflow_id),
    kind text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    detail text COLLATE "C" NOT NULL
);

-- A workflow's incidents in order.
CREATE INDEX incidents_by_workflow ON incidents (workflow_id, number);

-- Counting by kind reads this index alone.
CREATE INDEX incidents_by_kind ON incidents (kind);

CREATE TRIGGER incidents_are_never_changed BEFORE UPDATE ON incidents
FOR EACH ROW EXECUTE FUNCTION refuse('incidents are only ever appended');

CREATE TRIGGER incidents_stay BEFORE DELETE ON incidents
FOR EACH ROW EXECUTE FUNCTION refuse('incidents are only ever appended');

CREATE TABLE payers (
    customer_id text COLLATE "C" NOT NULL PRIMARY KEY,
    gateway_customer text COLLATE "C" NOT NULL,
    payment_method text COLLATE "C" NOT NULL,
    gateway text COLLATE "C" -- null takes the default route
);

-- `high_water`: the latest time that any process of ours has seen.
-- `restored_at`: that mark of the lost life, when the database was found to be an older copy.
CREATE TABLE meta (
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    value bigint NOT NULL
);

-- TRUNCATE asks no row's trigger.
CREATE TRIGGER workflows_not_emptied BEFORE TRUNCATE ON workflows
FOR EACH STATEMENT EXECUTE FUNCTION refuse('workflows outlive retention');
CREATE TRIGGER attempts_not_emptied BEFORE TRUNCATE ON attempts
FOR EACH STATEMENT EXECUTE FUNCTION refuse('attempts outlive retention');
CREATE TRIGGER evidence_not_emptied BEFORE TRUNCATE ON evidence
FOR EACH STATEMENT EXECUTE FUNCTION refuse('evidence is only ever appended');
CREATE TRIGGER history_not_emptied BEFORE TRUNCATE ON history
FOR EACH STATEMENT EXECUTE FUNCTION refuse('history is only ever appended');
CREATE TRIGGER incidents_not_emptied BEFORE TRUNCATE ON incidents
FOR EACH STATEMENT EXECUTE FUNCTION refuse('incidents are only ever appended');
