-- The platform's rows. Times are seconds since 1970 UTC. Everything secret is sealed or a keyed hash.
CREATE TABLE credential (
    id TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    active INTEGER NOT NULL,
    algorithm TEXT NOT NULL,
    digits INTEGER NOT NULL,
    period INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    sealing_key INTEGER NOT NULL,
    last_step INTEGER NOT NULL, -- -1: none yet
    drift INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX credential_of_person ON credential (person, active);
CREATE INDEX credential_sealing_key ON credential (sealing_key);
CREATE INDEX credential_pending ON credential (expires_at) WHERE active = 0;

-- Never swept: a hundred failures in a row stay a hundred, however long they took.
CREATE TABLE attempts (
    account BLOB NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    locked_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE bucket (
    bucket BLOB NOT NULL PRIMARY KEY,
    empty_at INTEGER NOT NULL -- milliseconds
) STRICT, WITHOUT ROWID;
CREATE INDEX bucket_empty ON bucket (empty_at);

CREATE TABLE contact (
    hash BLOB NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    channel TEXT NOT NULL,
    sealed BLOB NOT NULL,
    sealing_key INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX contact_person ON contact (person);
CREATE INDEX contact_sealing_key ON contact (sealing_key);

CREATE TABLE challenge (
    id TEXT NOT NULL PRIMARY KEY,
    recipient BLOB NOT NULL,
    purpose TEXT NOT NULL,
    channel TEXT NOT NULL,
    person TEXT,
    mac BLOB NOT NULL,
    sealed BLOB NOT NULL,
    tries INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX challenge_recipient ON challenge (recipient, purpose);
CREATE INDEX challenge_ended ON challenge (expires_at);

CREATE TABLE recipient (
    recipient BLOB NOT NULL PRIMARY KEY,
    day INTEGER NOT NULL,
    sent INTEGER NOT NULL,    -- on that day
    in_a_row INTEGER NOT NULL,
    next_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE spend (
    budget TEXT NOT NULL,
    day INTEGER NOT NULL,
    units INTEGER NOT NULL,
    PRIMARY KEY (budget, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
    id TEXT NOT NULL PRIMARY KEY,
    challenge TEXT NOT NULL,
    channel TEXT NOT NULL,
    purpose TEXT NOT NULL,
    sealed BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    void INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX message_due ON message (due_at) WHERE void = 0;
CREATE INDEX message_challenge ON message (challenge);
CREATE INDEX message_ended ON message (expires_at);

CREATE TABLE device (
    user_code BLOB NOT NULL PRIMARY KEY,
    device_code BLOB NOT NULL UNIQUE,
    client TEXT NOT NULL,
    device TEXT NOT NULL,
    place TEXT,
    state TEXT NOT NULL, -- pending, approved, denied
    person TEXT,
    poll_interval INTEGER NOT NULL,
    polled_at INTEGER NOT NULL,
    too_fast INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX device_ended ON device (expires_at);

CREATE TABLE record (
    space TEXT NOT NULL,
    record BLOB NOT NULL,
    value BLOB NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (space, record)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_ended ON record (expires_at);
