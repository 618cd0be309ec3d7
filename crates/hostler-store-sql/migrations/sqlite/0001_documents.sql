-- Documents, leases and the sequence that versions and terms come from.
CREATE TABLE documents (
    account     TEXT    NOT NULL,
    region      TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    key_name    TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    status      TEXT    NOT NULL,
    uses        TEXT,
    body        TEXT    NOT NULL,
    PRIMARY KEY (account, region, kind, key_name)
) WITHOUT ROWID, STRICT;

CREATE INDEX documents_by_creation ON documents (account, region, kind, created_at, key_name);
CREATE INDEX documents_by_status ON documents (account, region, kind, status, key_name);
CREATE INDEX documents_by_use ON documents (account, region, uses, status) WHERE uses IS NOT NULL;

CREATE TABLE leases (
    name       TEXT    NOT NULL PRIMARY KEY,
    holder     TEXT    NOT NULL,
    term       INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE sequence (
    one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO sequence (one, last) VALUES (1, 0);
