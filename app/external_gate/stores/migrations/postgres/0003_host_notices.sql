-- What the host application is to be told, written with the move that it tells of.

CREATE TABLE host_notices (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Derived from the body: no notice is written twice.
    message_id text COLLATE "C" NOT NULL UNIQUE,
    type text COLLATE "C" NOT NULL,
    workflow_id text COLLATE "C" REFERENCES workflows (workflow_id), -- null when it tells of a contract alone
    sequence integer NOT NULL,
    at bigint NOT NULL,
    body text COLLATE "C" NOT NULL
);

-- The next number of a workflow, and its notices in order.
CREATE UNIQUE INDEX host_notices_in_order ON host_notices (workflow_id, sequence)
WHERE workflow_id IS NOT NULL;

CREATE TRIGGER host_notices_say_the_same_for_ever BEFORE UPDATE ON host_notices
FOR EACH ROW EXECUTE FUNCTION refuse('every try sends the same bytes');

CREATE TABLE notice_deliveries (
    notice bigint NOT NULL REFERENCES host_notices (number),
    endpoint text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    due_at bigint, -- null unless it waits; while it is tried, when another may try it
    give_up_at bigint NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    resent_after integer NOT NULL DEFAULT 0, -- how many tries there were when a person sent it again
    tried_at bigint, -- null before the first try
    ended_at bigint, -- null while it waits
    outcome text COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (notice, endpoint),
    CHECK ((state = 'waiting') = (due_at IS NOT NULL))
);

-- Claiming, counting and the oldest, without touching what has ended.
CREATE INDEX notice_deliveries_waiting ON notice_deliveries (endpoint, due_at, give_up_at)
WHERE state = 'waiting';

-- Counting and listing what was given up.
CREATE INDEX notice_deliveries_dead ON notice_deliveries (endpoint, notice) WHERE state = 'dead';
