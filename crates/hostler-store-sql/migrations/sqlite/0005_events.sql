-- What happened to each document, kept when the document goes.
--
-- `number` counts the events of a key from 1 without a gap, so the first that is kept tells how many were dropped.
-- `sequence` is the order of all events: the oldest of all have the smallest. `event_total` has one row; it is brought
-- up to date in the transaction that appends, and counted anew at each start (`events.rs`).

CREATE TABLE events (
    sequence INTEGER NOT NULL PRIMARY KEY,
    kind     TEXT    NOT NULL,
    account  TEXT    NOT NULL,
    region   TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    number   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    body     TEXT    NOT NULL,
    sum      INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX events_by_key ON events (kind, account, region, key, number);

CREATE TABLE event_total (
    id   INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    kept INTEGER NOT NULL
) STRICT;

INSERT INTO event_total (id, kept) VALUES (1, 0);
