-- What was acknowledged in a rush and is not recorded yet: as it came, each one append and no other
-- index, so that a rush costs no page per id. Emptied from the front as it is recorded.
CREATE TABLE inbox (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body bytea NOT NULL,
    signed_at bigint NOT NULL,
    received_at bigint NOT NULL,
    headers text COLLATE "C" -- null when none is passed on
)
-- Its rows are removed soon: cleaned after some thousands of them, however many there were.
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE TRIGGER inbox_is_never_changed BEFORE UPDATE ON inbox FOR EACH ROW
EXECUTE FUNCTION refuse('what waits in the inbox stays as it came');
