-- Uploads, results, renderings.
CREATE TABLE blobs (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    key          TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    -- Content, bytes.
    size         INTEGER NOT NULL,
    -- What it counts for against the limit, bytes.
    charge       INTEGER NOT NULL,
    -- 1: not evictable.
    pinned       INTEGER NOT NULL,
    -- 'writing': its chunks are arriving. 'kept': it is there. 'condemned': its chunks are being removed.
    state        TEXT    NOT NULL CHECK (state IN ('writing', 'kept', 'condemned')),
    -- Grows with every use: the smallest is the least recently used.
    last_use     INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX blobs_kept ON blobs (key) WHERE state = 'kept';
CREATE INDEX blobs_evictable ON blobs (last_use) WHERE state = 'kept' AND pinned = 0;
CREATE INDEX blobs_pinned ON blobs (created_at) WHERE state = 'kept' AND pinned = 1;
CREATE INDEX blobs_condemned ON blobs (id) WHERE state = 'condemned';

-- The bytes, in pieces small enough that none holds up the queue while it is written.
CREATE TABLE chunks (
    blob  INTEGER NOT NULL,
    n     INTEGER NOT NULL,
    bytes BLOB    NOT NULL,
    PRIMARY KEY (blob, n)
) STRICT;

-- One row: what is kept counts for, bytes. Kept by the triggers below and by nothing else.
CREATE TABLE shelf (
    pinned INTEGER NOT NULL,
    cached INTEGER NOT NULL
) STRICT;
INSERT INTO shelf (pinned, cached) VALUES (0, 0);

CREATE TRIGGER blob_enters AFTER INSERT ON blobs WHEN new.state = 'kept' BEGIN
    UPDATE shelf SET
        pinned = pinned + new.pinned * new.charge, cached = cached + (1 - new.pinned) * new.charge;
END;

CREATE TRIGGER blob_leaves AFTER DELETE ON blobs WHEN old.state = 'kept' BEGIN
    UPDATE shelf SET
        pinned = pinned - old.pinned * old.charge, cached = cached - (1 - old.pinned) * old.charge;
END;

CREATE TRIGGER blob_moves AFTER UPDATE OF state, pinned ON blobs BEGIN
    UPDATE shelf SET
        pinned = pinned + (new.state = 'kept') * new.pinned * new.charge
                        - (old.state = 'kept') * old.pinned * old.charge,
        cached = cached + (new.state = 'kept') * (1 - new.pinned) * new.charge
                        - (old.state = 'kept') * (1 - old.pinned) * old.charge;
END;
