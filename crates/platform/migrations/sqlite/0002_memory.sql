-- What each sign-in changes gets a table of its own: twenty bytes a row, so that many people share a page
-- (docs/decisions/0206). `number` is where a row is, and stays when the file is rewritten (VACUUM).
ALTER TABLE credential RENAME TO credential_before;
CREATE TABLE credential (
    number INTEGER NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    person TEXT NOT NULL,
    active INTEGER NOT NULL,
    algorithm TEXT NOT NULL,
    digits INTEGER NOT NULL,
    period INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    sealing_key INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
INSERT INTO credential (number, id, person, active, algorithm, digits, period, sealed, sealing_key, expires_at)
    SELECT rowid, id, person, active, algorithm, digits, period, sealed, sealing_key, expires_at FROM credential_before;
CREATE TABLE memory (
    number INTEGER NOT NULL PRIMARY KEY REFERENCES credential (number) ON DELETE CASCADE,
    last_step INTEGER NOT NULL, -- -1: none yet
    drift INTEGER NOT NULL
) STRICT;
INSERT INTO memory (number, last_step, drift) SELECT rowid, last_step, drift FROM credential_before;
DROP TABLE credential_before;
CREATE UNIQUE INDEX credential_of_person ON credential (person, active);
CREATE INDEX credential_sealing_key ON credential (sealing_key);
CREATE INDEX credential_pending ON credential (expires_at) WHERE active = 0;
