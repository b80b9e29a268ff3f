-- The job records. What is searched for stands in columns, the job itself in `body`.
CREATE TABLE jobs (
    -- Version 7 UUID as text: sorts by creation.
    id          TEXT    PRIMARY KEY NOT NULL,
    fingerprint TEXT    NOT NULL,
    tier        TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    -- The job whose result it waits for. Holds over what `body` says.
    follows     TEXT,
    -- 1 while it leads its fingerprint.
    leads       INTEGER NOT NULL,
    queued_at   INTEGER NOT NULL,
    finished_at INTEGER,
    -- Job, JSON.
    body        TEXT    NOT NULL
) STRICT;

-- Single flight, held by the database: two leaders of one fingerprint cannot be written.
CREATE UNIQUE INDEX jobs_leading ON jobs (fingerprint) WHERE leads = 1;
CREATE INDEX jobs_following ON jobs (follows, id) WHERE follows IS NOT NULL;
CREATE INDEX jobs_by_state ON jobs (state, id);
CREATE INDEX jobs_by_tier ON jobs (tier, id);
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
