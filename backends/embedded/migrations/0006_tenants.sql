-- Whose a job is.
ALTER TABLE jobs ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
CREATE INDEX jobs_by_tenant ON jobs (tenant, id) WHERE tenant <> 'default';
CREATE INDEX jobs_in_flight_by_tenant ON jobs (tenant) WHERE state IN ('queued', 'running');

-- What was computed for whom, by UTC day, in whole milliseconds.
CREATE TABLE tenant_usage (
    day      INTEGER NOT NULL,
    tenant   TEXT NOT NULL,
    spent_ms INTEGER NOT NULL DEFAULT 0,
    jobs     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, tenant)
) WITHOUT ROWID;

-- Small documents by collection and id: keys, batches, webhooks. Ids are compared byte by byte.
CREATE TABLE documents (
    collection TEXT NOT NULL,
    id         TEXT NOT NULL,
    version    INTEGER NOT NULL,
    body       TEXT NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (collection, id)
) WITHOUT ROWID;
CREATE INDEX documents_expiring ON documents (expires_at) WHERE expires_at IS NOT NULL;

-- The last version that was given.
INSERT INTO settings (name, value) VALUES ('document_version', '0');

CREATE TABLE counters (
    name       TEXT PRIMARY KEY,
    value      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
