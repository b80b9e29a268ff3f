-- What each engine has computed, minute by minute, in whole milliseconds.
CREATE TABLE usage (
    minute       INTEGER NOT NULL,
    engine       TEXT NOT NULL,
    spent_ms     INTEGER NOT NULL DEFAULT 0,
    estimated_ms INTEGER NOT NULL DEFAULT 0,
    finished_ms  INTEGER NOT NULL DEFAULT 0,
    jobs         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (minute, engine)
) WITHOUT ROWID;

-- What was set while the program ran, as JSON by name.
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
