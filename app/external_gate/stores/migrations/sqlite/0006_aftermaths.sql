-- What is done after a failed payment, which has switched a contract's threshold off.

CREATE TABLE aftermaths (
    workflow_id TEXT NOT NULL PRIMARY KEY REFERENCES workflows (workflow_id),
    began_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    stage TEXT NOT NULL CHECK (stage IN (
        'confirming', 'waiting', 'enabling', 'enabled', 'left', 'followed', 'given_up'
    )),
    due_at INTEGER, -- null when it has ended
    lease_until INTEGER, -- null while nobody works on it
    fence INTEGER NOT NULL DEFAULT 0,
    failure TEXT, -- null until the failure was looked at
    threshold TEXT, -- null until the failure was looked at
    tries INTEGER NOT NULL DEFAULT 0,
    looks INTEGER NOT NULL DEFAULT 0,
    payer_digest TEXT, -- null when nobody was charged
    detail TEXT NOT NULL DEFAULT '',
    CHECK ((stage IN ('confirming', 'waiting', 'enabling')) = (due_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Claiming what is due, without touching what has ended.
CREATE INDEX aftermaths_due ON aftermaths (due_at) WHERE due_at IS NOT NULL;

-- A try that may have been sent counts for ever, and keeps its key from being used again.
CREATE TRIGGER aftermath_tries_never_fall BEFORE UPDATE ON aftermaths
WHEN NEW.tries < OLD.tries OR (OLD.due_at IS NULL AND NEW.due_at IS NOT NULL)
BEGIN
    SELECT RAISE(ABORT, 'an aftermath forgets no try and does not begin again');
END;

-- When the host application last said that a customer's payer changed.
CREATE TABLE payer_changes (
    customer_id TEXT NOT NULL PRIMARY KEY,
    changed_at INTEGER NOT NULL,
    told_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;
