-- Tenants in one lane get compute by their weight: start-time fair queueing. The place of an envelope is
-- where its tenant's last one ended, or the place of the one that was taken last, whichever is later; it
-- ends its cost divided by the weight later. Microseconds.
ALTER TABLE envelopes ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
DROP INDEX envelopes_ready;
CREATE INDEX envelopes_ready ON envelopes (engine, tier, place, seq) WHERE state = 'ready';

-- The largest place that was taken.
ALTER TABLE lanes ADD COLUMN taken INTEGER NOT NULL DEFAULT 0;

-- Where a tenant's last envelope ends; forgotten once that has been passed.
CREATE TABLE places (
    engine TEXT    NOT NULL,
    tier   INTEGER NOT NULL,
    tenant TEXT    NOT NULL,
    ends   INTEGER NOT NULL,
    PRIMARY KEY (engine, tier, tenant)
) STRICT, WITHOUT ROWID;
CREATE INDEX places_passed ON places (engine, tier, ends);
