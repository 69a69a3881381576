-- What was acknowledged in a rush and is not recorded yet: as it came, each one append and no other
-- index, so that a rush costs no page per id. Emptied from the front as it is recorded.
CREATE TABLE inbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    body BLOB NOT NULL,
    signed_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    headers TEXT -- null when none is passed on
) STRICT;

CREATE TRIGGER inbox_is_never_changed BEFORE UPDATE ON inbox
BEGIN
    SELECT RAISE(ABORT, 'what waits in the inbox stays as it came');
END;
