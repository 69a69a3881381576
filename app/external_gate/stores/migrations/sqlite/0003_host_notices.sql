-- What the host application is to be told, written with the move that it tells of.

CREATE TABLE host_notices (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Derived from the body: no notice is written twice.
    message_id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    workflow_id TEXT REFERENCES workflows (workflow_id), -- null when it tells of a contract alone
    sequence INTEGER NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

-- The next number of a workflow, and its notices in order.
CREATE UNIQUE INDEX host_notices_in_order ON host_notices (workflow_id, sequence)
WHERE workflow_id IS NOT NULL;

CREATE TRIGGER host_notices_say_the_same_for_ever BEFORE UPDATE ON host_notices
BEGIN
    SELECT RAISE(ABORT, 'every try sends the same bytes');
END;

CREATE TABLE notice_deliveries (
    notice INTEGER NOT NULL REFERENCES host_notices (number),
    endpoint TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    due_at INTEGER, -- null unless it waits; while it is tried, when another may try it
    give_up_at INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    resent_after INTEGER NOT NULL DEFAULT 0, -- how many tries there were when a person sent it again
    tried_at INTEGER, -- null before the first try
    ended_at INTEGER, -- null while it waits
    outcome TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (notice, endpoint),
    CHECK ((state = 'waiting') = (due_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Claiming, counting and the oldest, without touching what has ended.
CREATE INDEX notice_deliveries_waiting ON notice_deliveries (endpoint, due_at, give_up_at)
WHERE state = 'waiting';

-- Counting and listing what was given up.
CREATE INDEX notice_deliveries_dead ON notice_deliveries (endpoint, notice) WHERE state = 'dead';
