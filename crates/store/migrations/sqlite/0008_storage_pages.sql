-- What somebody has entered so far to connect a container to a project: form fields, sealed, because
-- a credential is among them. Gone after an hour.
CREATE TABLE connect_drafts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    direction TEXT NOT NULL,
    sealed BLOB NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    FOREIGN KEY (org_id, user_id) REFERENCES memberships (org_id, user_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX connect_drafts_one ON connect_drafts (org_id, user_id, project_id, direction);
CREATE INDEX connect_drafts_expiry ON connect_drafts (expires_at_ms);

-- Who asked for the run, where that is known.
ALTER TABLE sync_runs ADD COLUMN started_by BIGINT;
-- What the run is about. NULL: all of the container. Empty: the blobs that failed. Else: that one blob.
ALTER TABLE sync_runs ADD COLUMN retried_blob TEXT;

-- What a target storage could not be given yet, or at all.
CREATE INDEX outbox_troubled ON outbox (storage_id, id) WHERE error IS NOT NULL;
