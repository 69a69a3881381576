-- What is done after a failed payment, which has switched a contract's threshold off.

CREATE TABLE aftermaths (
    workflow_id text COLLATE "C" PRIMARY KEY REFERENCES workflows (workflow_id),
    began_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    stage text COLLATE "C" NOT NULL CHECK (stage IN (
        'confirming', 'waiting', 'enabling', 'enabled', 'left', 'followed', 'given_up'
    )),
    due_at bigint, -- null when it has ended
    lease_until bigint, -- null while nobody works on it
    fence integer NOT NULL DEFAULT 0,
    failure text COLLATE "C", -- null until the failure was looked at
    threshold text COLLATE "C", -- null until the failure was looked at
    tries integer NOT NULL DEFAULT 0,
    looks integer NOT NULL DEFAULT 0,
    payer_digest text COLLATE "C", -- null when nobody was charged
    detail text COLLATE "C" NOT NULL DEFAULT '',
    CHECK ((stage IN ('confirming', 'waiting', 'enabling')) = (due_at IS NOT NULL))
);

-- Claiming what is due, without touching what has ended.
CREATE INDEX aftermaths_due ON aftermaths (due_at) WHERE due_at IS NOT NULL;

-- A try that may have been sent counts for ever, and keeps its key from being used again.
CREATE TRIGGER aftermath_tries_never_fall BEFORE UPDATE ON aftermaths FOR EACH ROW
WHEN (NEW.tries < OLD.tries OR (OLD.due_at IS NULL AND NEW.due_at IS NOT NULL))
EXECUTE FUNCTION refuse('an aftermath forgets no try and does not begin again');

-- When the host application last said that a customer's payer changed.
CREATE TABLE payer_changes (
    customer_id text COLLATE "C" PRIMARY KEY,
    changed_at bigint NOT NULL,
    told_by text COLLATE "C" NOT NULL
);
