-- The queue. One row per job that waits, runs or is dead; what is done has no row.
CREATE TABLE envelopes (
    -- Place in the queue: within a tier the smallest goes first. Never used twice.
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id     TEXT    NOT NULL UNIQUE,
    engine     TEXT    NOT NULL,
    -- 0 realtime, 1 standard, 2 batch
    tier       INTEGER NOT NULL CHECK (tier BETWEEN 0 AND 2),
    state      TEXT    NOT NULL CHECK (state IN ('ready', 'delayed', 'leased', 'dead')),
    -- Attempts used up.
    attempt    INTEGER NOT NULL,
    -- Delayed: earliest delivery. Milliseconds since the epoch, like every moment here.
    not_before INTEGER,
    -- Leased: number of the claim that it was delivered under.
    lease      INTEGER,
    -- Estimated compute time, microseconds.
    cost_us    INTEGER NOT NULL,
    -- Envelope, JSON.
    body       TEXT    NOT NULL,
    -- Dead: why (Failure, JSON), and since when.
    failure    TEXT,
    dead_at    INTEGER
) STRICT;

-- Each index holds only the rows of the state that it is asked about, so that a claim costs the same
-- however long the queue is.
CREATE INDEX envelopes_ready ON envelopes (engine, tier, seq) WHERE state = 'ready';
CREATE INDEX envelopes_delayed ON envelopes (engine, not_before) WHERE state = 'delayed';
CREATE INDEX envelopes_leased ON envelopes (lease) WHERE state = 'leased';
CREATE INDEX envelopes_dead ON envelopes (dead_at) WHERE state = 'dead';

-- How many rows of each state a lane has, so that neither the bound on a lane nor the gauge has to
-- count them. Kept by the triggers below and by nothing else.
CREATE TABLE lanes (
    engine  TEXT    NOT NULL,
    tier    INTEGER NOT NULL,
    ready   INTEGER NOT NULL,
    delayed INTEGER NOT NULL,
    leased  INTEGER NOT NULL,
    dead    INTEGER NOT NULL,
    -- Of all but the dead.
    cost_us INTEGER NOT NULL,
    PRIMARY KEY (engine, tier)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER envelope_enters AFTER INSERT ON envelopes BEGIN
    INSERT INTO lanes (engine, tier, ready, delayed, leased, dead, cost_us)
    VALUES (
        new.engine, new.tier, new.state = 'ready', new.state = 'delayed', new.state = 'leased',
        new.state = 'dead', iif(new.state = 'dead', 0, new.cost_us)
    )
    ON CONFLICT (engine, tier) DO UPDATE SET
        ready = ready + excluded.ready, delayed = delayed + excluded.delayed,
        leased = leased + excluded.leased, dead = dead + excluded.dead,
        cost_us = cost_us + excluded.cost_us;
END;

CREATE TRIGGER envelope_leaves AFTER DELETE ON envelopes BEGIN
    UPDATE lanes SET
        ready = ready - (old.state = 'ready'), delayed = delayed - (old.state = 'delayed'),
        leased = leased - (old.state = 'leased'), dead = dead - (old.state = 'dead'),
        cost_us = cost_us - iif(old.state = 'dead', 0, old.cost_us)
    WHERE engine = old.engine AND tier = old.tier;
END;

CREATE TRIGGER envelope_moves AFTER UPDATE OF state, tier, cost_us ON envelopes BEGIN
    UPDATE lanes SET
        ready = ready - (old.state = 'ready'), delayed = delayed - (old.state = 'delayed'),
        leased = leased - (old.state = 'leased'), dead = dead - (old.state = 'dead'),
        cost_us = cost_us - iif(old.state = 'dead', 0, old.cost_us)
    WHERE engine = old.engine AND tier = old.tier;
    INSERT INTO lanes (engine, tier, ready, delayed, leased, dead, cost_us)
    VALUES (
        new.engine, new.tier, new.state = 'ready', new.state = 'delayed', new.state = 'leased',
        new.state = 'dead', iif(new.state = 'dead', 0, new.cost_us)
    )
    ON CONFLICT (engine, tier) DO UPDATE SET
        ready = ready + excluded.ready, delayed = delayed + excluded.delayed,
        leased = leased + excluded.leased, dead = dead + excluded.dead,
        cost_us = cost_us + excluded.cost_us;
END;
