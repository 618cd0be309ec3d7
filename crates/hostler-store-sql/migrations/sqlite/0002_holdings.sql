-- What each document holds of the things that are counted in its scope, and the sums by scope.
--
-- `holds` is a JSON object of names and counts, absent when it is empty. The sums are kept by triggers, inside whatever
-- transaction writes a document: they cannot be forgotten by a statement, a commit costs the same however many
-- documents there are, and a write that leaves `holds` as it was costs nothing. Each start counts them anew besides
-- (`schema.rs`).

ALTER TABLE documents ADD COLUMN holds TEXT;

CREATE TABLE holdings (
    account TEXT    NOT NULL,
    region  TEXT    NOT NULL,
    what    TEXT    NOT NULL,
    total   INTEGER NOT NULL,
    PRIMARY KEY (account, region, what)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER documents_add_holdings AFTER INSERT ON documents WHEN NEW.holds IS NOT NULL BEGIN
    INSERT INTO holdings (account, region, what, total)
        SELECT NEW.account, NEW.region, key, value FROM json_each(NEW.holds) WHERE value > 0
        ON CONFLICT (account, region, what) DO UPDATE SET total = total + excluded.total;
END;

CREATE TRIGGER documents_change_holdings AFTER UPDATE OF holds ON documents WHEN OLD.holds IS NOT NEW.holds BEGIN
    UPDATE holdings SET total = total - held.value FROM json_each(ifnull(OLD.holds, '{}')) AS held
        WHERE account = OLD.account AND region = OLD.region AND what = held.key;
    INSERT INTO holdings (account, region, what, total)
        SELECT NEW.account, NEW.region, key, value FROM json_each(ifnull(NEW.holds, '{}')) WHERE value > 0
        ON CONFLICT (account, region, what) DO UPDATE SET total = total + excluded.total;
    DELETE FROM holdings WHERE account = OLD.account AND region = OLD.region AND total <= 0;
END;

CREATE TRIGGER documents_remove_holdings AFTER DELETE ON documents WHEN OLD.holds IS NOT NULL BEGIN
    UPDATE holdings SET total = total - held.value FROM json_each(OLD.holds) AS held
        WHERE account = OLD.account AND region = OLD.region AND what = held.key;
    DELETE FROM holdings WHERE account = OLD.account AND region = OLD.region AND total <= 0;
END;
