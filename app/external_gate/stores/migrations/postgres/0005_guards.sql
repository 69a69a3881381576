-- What guards count of one customer, and what they let wait.

-- A number made of the customer's id; null for attempts of the versions before.
ALTER TABLE attempts ADD COLUMN customer_mark bigint;

-- One customer's attempts, newest first: caps, velocity and breakers read a bounded number of them.
CREATE INDEX attempts_by_customer ON attempts (customer_mark, coalesce(send_deadline, created_at))
WHERE customer_mark IS NOT NULL;

-- Which guard lets it wait; null while none does.
ALTER TABLE workflows ADD COLUMN deferred_by text COLLATE "C";

-- Counting what waits, and for how many payment methods, without touching anything else.
CREATE INDEX workflows_deferred ON workflows (deferred_by, state) WHERE deferred_by IS NOT NULL;
