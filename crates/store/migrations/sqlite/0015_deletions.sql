-- Projects and storages that are being deleted, in steps; what is here is gone for everybody.
CREATE TABLE deletions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id BIGINT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
    project_id BIGINT NOT NULL,
    -- NULL: the whole project
    storage_id BIGINT,
    created_at_ms BIGINT NOT NULL
);
CREATE INDEX deletions_project ON deletions (project_id);

-- Written after an outage only, to see whether the database takes what is written again.
CREATE TABLE write_probe (
    id BIGINT NOT NULL PRIMARY KEY,
    count BIGINT NOT NULL,
    room BLOB NOT NULL
);
