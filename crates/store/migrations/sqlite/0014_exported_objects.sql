-- What Longshore has written to containers: only that is ever overwritten, deleted, or left out of
-- imports. The rows outlive their storage and its project, as the blobs do.
CREATE TABLE exported_objects (
    org_id BIGINT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
    account TEXT NOT NULL,
    container TEXT NOT NULL,
    name TEXT NOT NULL,
    -- the target storage that wrote it last
    storage_id BIGINT NOT NULL,
    -- 'writing': a first write has begun, and nobody knows yet how it went; 'written'; 'before': may
    -- have been written when this table was not there yet; 'foreign': somebody else's blob is there
    state TEXT NOT NULL,
    -- of the blob as Longshore left it, or of the foreign one; '*' of one that may not be read
    etag TEXT,
    PRIMARY KEY (org_id, account, container, name)
);
CREATE INDEX exported_objects_foreign ON exported_objects (storage_id) WHERE state = 'foreign';

-- The ETags of what was written until now are not known: the blob itself tells, when it is written next.
INSERT INTO exported_objects (org_id, account, container, name, storage_id, state)
SELECT DISTINCT s.org_id, s.account, s.container,
    CASE WHEN s.prefix = '' THEN '' ELSE s.prefix || '/' END
    || CAST(CASE WHEN s.export_layout = 'per_task' THEN a.task_id ELSE a.id END AS TEXT) || '.json',
    s.id, 'before'
FROM storages s JOIN annotations a ON a.project_id = s.project_id
WHERE s.direction = 'target' AND s.delivered_count > 0
ON CONFLICT DO NOTHING;
