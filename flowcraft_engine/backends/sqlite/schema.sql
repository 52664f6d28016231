-- The state file of in-process runs. `user_version` is the version of this layout.
-- The journal is the truth; the columns of `runs` beside the key are there to list runs without reading them.

CREATE TABLE IF NOT EXISTS runs (
    id           INTEGER PRIMARY KEY,
    run_id       TEXT NOT NULL UNIQUE,
    blueprint_id TEXT NOT NULL,
    version      TEXT,
    digest       TEXT NOT NULL,
    status       TEXT NOT NULL,
    created_at   REAL NOT NULL,
    finished_at  REAL,
    parent       TEXT,
    owner        TEXT,      -- who executes the run; whether that process lives is asked of its lock file
    options      TEXT       -- how the run was started, for whoever continues it
);

CREATE INDEX IF NOT EXISTS runs_by_status ON runs (status, id);

-- Events of one step, or of several that were stored together. `place` is the run and the position in its journal of
-- the first of them, run * 2^32 + position: SQLite appends to a tree of one whole number without moving what is there.
CREATE TABLE IF NOT EXISTS journal (
    place  INTEGER PRIMARY KEY,
    events TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS blueprints (
    digest TEXT PRIMARY KEY,
    body   TEXT NOT NULL
) WITHOUT ROWID;

-- What nodes printed and logged: some lines of one attempt, as a JSON list of [at, stream, level, text].
CREATE TABLE IF NOT EXISTS logs (
    run        INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    instance   TEXT NOT NULL,
    generation INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    lines      TEXT NOT NULL,
    left_out   INTEGER NOT NULL,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;
