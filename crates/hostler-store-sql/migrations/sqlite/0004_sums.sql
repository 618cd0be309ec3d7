-- A checksum of each document, so that bytes that changed on the disk are an error and never an answer.
--
-- SQLite finds damage to the structure of its pages, not to what stands in them. Absent only until the next start has
-- counted it (`sums.rs`). A later migration that changes what is read of documents sets it to NULL.

ALTER TABLE documents ADD COLUMN sum INTEGER;
