-- What each document uses, found from the used side.
--
-- `documents.uses` was the name of the one config that an endpoint uses. It is a JSON array of `KIND/KEY` in the
-- document's own scope now, absent when it is empty, and `document_uses` has a row for each, with the user's status
-- beside it: whether anybody uses a thing, in any status or in one, is one look at an index however many do. The rows
-- are kept by triggers, inside whatever transaction writes a document, as the sums of migration 2 are.
--
-- Which models the documents that are there use stands in their bodies alone. Bodies are nobody's business here, but a
-- config is never written again, so nobody else would ever tell; and a body of that day is `"schema": 1` for good.
-- (An endpoint is written anew by its reconciler where it uses more.)

DROP INDEX documents_by_uses_name;
DROP INDEX documents_by_uses_created;
DROP INDEX documents_by_uses_status;

CREATE TABLE document_uses (
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    used    TEXT NOT NULL,
    kind    TEXT NOT NULL,
    key     TEXT NOT NULL,
    status  TEXT,
    PRIMARY KEY (account, region, used, kind, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX document_uses_by_status ON document_uses (account, region, used, kind, status, key)
    WHERE status IS NOT NULL;

UPDATE documents SET uses = (
    SELECT json_group_array(used) FROM (
        SELECT 'endpoint-config/' || documents.uses AS used WHERE documents.uses IS NOT NULL
        UNION
        SELECT 'model/' || lower(json_extract(model.value, '$.request.ModelName'))
            FROM json_each(iif(json_valid(documents.body), documents.body, '{}'), '$.deployment.models') AS model
            WHERE documents.kind = 'endpoint'
        UNION
        SELECT 'model/' || lower(json_extract(variant.value, '$.ModelName'))
            FROM json_each(iif(json_valid(documents.body), documents.body, '{}'), '$.request.ProductionVariants')
                AS variant
            WHERE documents.kind = 'endpoint-config'
        UNION
        SELECT 'model/' || lower(json_extract(variant.value, '$.ModelName'))
            FROM json_each(iif(json_valid(documents.body), documents.body, '{}'), '$.request.ShadowProductionVariants')
                AS variant
            WHERE documents.kind = 'endpoint-config'
    ) WHERE used IS NOT NULL
) WHERE kind IN ('endpoint', 'endpoint-config') OR uses IS NOT NULL;

UPDATE documents SET uses = NULL WHERE uses = '[]';

INSERT INTO document_uses (account, region, used, kind, key, status)
    SELECT account, region, used.value, kind, documents.key, status
    FROM documents, json_each(documents.uses) AS used WHERE uses IS NOT NULL;

-- From here on the triggers do it; before, `uses` was not yet what they read.

CREATE TRIGGER documents_add_uses AFTER INSERT ON documents WHEN NEW.uses IS NOT NULL BEGIN
    INSERT INTO document_uses (account, region, used, kind, key, status)
        SELECT NEW.account, NEW.region, value, NEW.kind, NEW.key, NEW.status FROM json_each(NEW.uses);
END;

CREATE TRIGGER documents_change_uses AFTER UPDATE OF uses, status ON documents
    WHEN OLD.uses IS NOT NEW.uses OR (NEW.uses IS NOT NULL AND OLD.status IS NOT NEW.status) BEGIN
    DELETE FROM document_uses WHERE account = OLD.account AND region = OLD.region
        AND used IN (SELECT value FROM json_each(OLD.uses)) AND kind = OLD.kind AND key = OLD.key;
    INSERT INTO document_uses (account, region, used, kind, key, status)
        SELECT NEW.account, NEW.region, value, NEW.kind, NEW.key, NEW.status FROM json_each(NEW.uses);
END;

CREATE TRIGGER documents_remove_uses AFTER DELETE ON documents WHEN OLD.uses IS NOT NULL BEGIN
    DELETE FROM document_uses WHERE account = OLD.account AND region = OLD.region
        AND used IN (SELECT value FROM json_each(OLD.uses)) AND kind = OLD.kind AND key = OLD.key;
END;
