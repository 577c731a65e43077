-- The platform's rows. Times are seconds since 1970 UTC. Everything secret is sealed or a keyed hash.
CREATE TABLE credential (
    id TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    active BIGINT NOT NULL,
    algorithm TEXT NOT NULL,
    digits BIGINT NOT NULL,
    period BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    sealing_key BIGINT NOT NULL,
    last_step BIGINT NOT NULL, -- -1: none yet
    drift BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX credential_of_person ON credential (person, active);
CREATE INDEX credential_sealing_key ON credential (sealing_key);
CREATE INDEX credential_pending ON credential (expires_at) WHERE active = 0;

-- Never swept: a hundred failures in a row stay a hundred, however long they took.
CREATE TABLE attempts (
    account BYTEA NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    locked_until BIGINT NOT NULL
);

CREATE TABLE bucket (
    bucket BYTEA NOT NULL PRIMARY KEY,
    empty_at BIGINT NOT NULL -- milliseconds
);
CREATE INDEX bucket_empty ON bucket (empty_at);

CREATE TABLE contact (
    hash BYTEA NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    channel TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    sealing_key BIGINT NOT NULL
);
CREATE INDEX contact_person ON contact (person);
CREATE INDEX contact_sealing_key ON contact (sealing_key);

CREATE TABLE challenge (
    id TEXT NOT NULL PRIMARY KEY,
    recipient BYTEA NOT NULL,
    purpose TEXT NOT NULL,
    channel TEXT NOT NULL,
    person TEXT,
    mac BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    tries BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX challenge_recipient ON challenge (recipient, purpose);
CREATE INDEX challenge_ended ON challenge (expires_at);

CREATE TABLE recipient (
    recipient BYTEA NOT NULL PRIMARY KEY,
    day BIGINT NOT NULL,
    sent BIGINT NOT NULL,    -- on that day
    in_a_row BIGINT NOT NULL,
    next_at BIGINT NOT NULL
);

CREATE TABLE spend (
    budget TEXT NOT NULL,
    day BIGINT NOT NULL,
    units BIGINT NOT NULL,
    PRIMARY KEY (budget, day)
);

CREATE TABLE message (
    id TEXT NOT NULL PRIMARY KEY,
    challenge TEXT NOT NULL,
    channel TEXT NOT NULL,
    purpose TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    attempt BIGINT NOT NULL,
    void BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX message_due ON message (due_at) WHERE void = 0;
CREATE INDEX message_challenge ON message (challenge);
CREATE INDEX message_ended ON message (expires_at);

CREATE TABLE device (
    user_code BYTEA NOT NULL PRIMARY KEY,
    device_code BYTEA NOT NULL UNIQUE,
    client TEXT NOT NULL,
    device TEXT NOT NULL,
    place TEXT,
    state TEXT NOT NULL, -- pending, approved, denied
    person TEXT,
    poll_interval BIGINT NOT NULL,
    polled_at BIGINT NOT NULL,
    too_fast BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX device_ended ON device (expires_at);

CREATE TABLE record (
    space TEXT NOT NULL,
    record BYTEA NOT NULL,
    value BYTEA NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (space, record)
);
CREATE INDEX record_ended ON record (expires_at);
