-- What gateways tell us by themselves, and the looks that they ask for.

CREATE TABLE gateway_notices (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway TEXT NOT NULL,
    event_id TEXT NOT NULL,
    attempt_key TEXT NOT NULL, -- as it was told: it may be nobody's, or another gateway's
    claim TEXT, -- an answer as evidence has it; null when it says only: look again
    signed_and_final INTEGER NOT NULL CHECK (signed_and_final IN (0, 1)),
    received_at INTEGER NOT NULL,
    deliveries INTEGER NOT NULL DEFAULT 1,
    workflow_id TEXT REFERENCES workflows (workflow_id), -- null while no attempt of this gateway has the key
    evidence INTEGER REFERENCES evidence (number), -- null when it became none: a hint, or nobody's
    -- A repeated delivery is one row, and adds no evidence.
    UNIQUE (gateway, event_id)
) STRICT;

-- What was told about an attempt; also by a notice that came before our books knew the key again.
CREATE INDEX gateway_notices_by_attempt ON gateway_notices (attempt_key);

-- Listing those that belong to nobody.
CREATE INDEX gateway_notices_unmatched ON gateway_notices (number) WHERE workflow_id IS NULL;

CREATE TRIGGER notices_say_the_same_for_ever BEFORE UPDATE OF
    gateway, event_id, attempt_key, claim, signed_and_final, received_at
ON gateway_notices
BEGIN
    SELECT RAISE(ABORT, 'what a gateway said never changes');
END;

-- When the look is to be made that a notice asked for; null while none is wanted.
ALTER TABLE workflows ADD COLUMN look_at INTEGER;

-- When the latest such look was made; null until one was.
ALTER TABLE workflows ADD COLUMN looked_at INTEGER;

-- How often the gateway has asked us to look again, and how many of those a lookup has answered.
ALTER TABLE attempts ADD COLUMN look_asked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN look_made INTEGER NOT NULL DEFAULT 0;
