-- Documents, leases and the one sequence that versions and terms come from.
--
-- The kind stands first in every index: all keys of a kind are then one walk, and so is a listing, whose account and
-- region are equalities. Each index ends with the lower-case name, which breaks ties. `status_order` is the port's
-- rule that no status sorts as an empty one; a column, because SQLite does not seek a row value that has an expression
-- in it. Partial indexes cost nothing for kinds without the column.

CREATE TABLE documents (
    kind        TEXT    NOT NULL,
    account     TEXT    NOT NULL,
    region      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    status      TEXT,
    uses        TEXT,
    body        TEXT    NOT NULL,
    status_order TEXT   NOT NULL GENERATED ALWAYS AS (ifnull(status, '')) VIRTUAL
) STRICT;

CREATE UNIQUE INDEX documents_by_name ON documents (kind, account, region, key);
CREATE INDEX documents_by_created ON documents (kind, account, region, created_at, key);
CREATE INDEX documents_by_status ON documents (kind, account, region, status_order, key);
CREATE INDEX documents_by_status_name ON documents (kind, account, region, status, key)
    WHERE status IS NOT NULL;
CREATE INDEX documents_by_status_created ON documents (kind, account, region, status, created_at, key)
    WHERE status IS NOT NULL;
CREATE INDEX documents_by_uses_name ON documents (kind, account, region, uses, key)
    WHERE uses IS NOT NULL;
CREATE INDEX documents_by_uses_created ON documents (kind, account, region, uses, created_at, key)
    WHERE uses IS NOT NULL;
CREATE INDEX documents_by_uses_status ON documents (kind, account, region, uses, status_order, key)
    WHERE uses IS NOT NULL;

CREATE TABLE leases (
    name       TEXT    NOT NULL PRIMARY KEY,
    holder     TEXT    NOT NULL,
    term       INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row. It is never reset, so a version that a deleted document had is not used again.
CREATE TABLE sequence (
    id   INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    last INTEGER NOT NULL
) STRICT;

INSERT INTO sequence (id, last) VALUES (1, 0);
