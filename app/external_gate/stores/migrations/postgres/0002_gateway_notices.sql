-- What gateways tell us by themselves, and the looks that they ask for.

CREATE TABLE gateway_notices (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    attempt_key text COLLATE "C" NOT NULL, -- as it was told: it may be nobody's, or another gateway's
    claim text COLLATE "C", -- an answer as evidence has it; null when it says only: look again
    signed_and_final integer NOT NULL CHECK (signed_and_final IN (0, 1)),
    received_at bigint NOT NULL,
    deliveries integer NOT NULL DEFAULT 1,
    workflow_id text COLLATE "C" REFERENCES workflows (workflow_id), -- null while no attempt of this gateway has the key
    evidence bigint REFERENCES evidence (number), -- null when it became none: a hint, or nobody's
    -- A repeated delivery is one row, and adds no evidence.
    UNIQUE (gateway, event_id)
);

-- What was told about an attempt; also by a notice that came before our books knew the key again.
CREATE INDEX gateway_notices_by_attempt ON gateway_notices (attempt_key);

-- Listing those that belong to nobody.
CREATE INDEX gateway_notices_unmatched ON gateway_notices (number) WHERE workflow_id IS NULL;

CREATE TRIGGER notices_say_the_same_for_ever BEFORE UPDATE OF
    gateway, event_id, attempt_key, claim, signed_and_final, received_at
ON gateway_notices
FOR EACH ROW EXECUTE FUNCTION refuse('what a gateway said never changes');

-- When the look is to be made that a notice asked for; null while none is wanted.
ALTER TABLE workflows ADD COLUMN look_at bigint;

-- When the latest such look was made; null until one was.
ALTER TABLE workflows ADD COLUMN looked_at bigint;

-- How often the gateway has asked us to look again, and how many of those a lookup has answered.
ALTER TABLE attempts ADD COLUMN look_asked integer NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN look_made integer NOT NULL DEFAULT 0;
