-- Times are Unix milliseconds, booleans 0/1, JSON is text. The same tables and columns as in
-- ../postgres, kept by a test. Ids are never reused (AUTOINCREMENT): exported blobs are named by them.

CREATE TABLE orgs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);

CREATE TABLE memberships (
    org_id BIGINT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (org_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);

CREATE TABLE api_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT,
    revoked_at_ms BIGINT,
    FOREIGN KEY (org_id, user_id) REFERENCES memberships (org_id, user_id) ON DELETE CASCADE
);
CREATE INDEX api_tokens_user ON api_tokens (org_id, user_id);

CREATE TABLE sessions (
    hash BLOB NOT NULL PRIMARY KEY,
    org_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    FOREIGN KEY (org_id, user_id) REFERENCES memberships (org_id, user_id) ON DELETE CASCADE
);
CREATE INDEX sessions_user ON sessions (org_id, user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at_ms);

-- Random keys of this installation, sealed: signing of access tokens, for instance.
CREATE TABLE signing_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    sealed BLOB NOT NULL,
    created_at_ms BIGINT NOT NULL
);

CREATE TABLE projects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id BIGINT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    label_config TEXT NOT NULL,
    settings TEXT NOT NULL,
    created_by BIGINT NOT NULL REFERENCES users (id),
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    -- raised by every change of the project's storages
    storages_version BIGINT NOT NULL DEFAULT 1,
    last_inner_id BIGINT NOT NULL DEFAULT 0,
    -- kept exact by the transactions that write tasks, annotations and predictions
    task_count BIGINT NOT NULL DEFAULT 0,
    labeled_task_count BIGINT NOT NULL DEFAULT 0,
    annotation_count BIGINT NOT NULL DEFAULT 0,
    cancelled_annotation_count BIGINT NOT NULL DEFAULT 0,
    prediction_count BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX projects_org ON projects (org_id, id);

CREATE TABLE storages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id BIGINT NOT NULL,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    direction TEXT NOT NULL,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT,
    account TEXT NOT NULL,
    container TEXT NOT NULL,
    prefix TEXT NOT NULL,
    regex_filter TEXT,
    recursive BIGINT NOT NULL,
    import_mode TEXT NOT NULL,
    serve_mode TEXT NOT NULL,
    presign_ttl_minutes BIGINT NOT NULL,
    export_layout TEXT NOT NULL,
    can_delete_objects BIGINT NOT NULL,
    -- objects written to or deleted from a target storage
    delivered_count BIGINT NOT NULL DEFAULT 0,
    last_run_id BIGINT,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);
CREATE INDEX storages_project ON storages (project_id, direction);
CREATE INDEX storages_org ON storages (org_id);

CREATE TABLE storage_credentials (
    storage_id BIGINT NOT NULL PRIMARY KEY REFERENCES storages (id) ON DELETE CASCADE,
    org_id BIGINT NOT NULL,
    sealed BLOB NOT NULL
);

CREATE TABLE azure_links (
    org_id BIGINT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
    tenant_id TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (org_id, tenant_id)
);

CREATE TABLE sync_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id BIGINT NOT NULL,
    project_id BIGINT NOT NULL,
    storage_id BIGINT NOT NULL REFERENCES storages (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    listed BIGINT NOT NULL DEFAULT 0,
    filtered BIGINT NOT NULL DEFAULT 0,
    skipped BIGINT NOT NULL DEFAULT 0,
    created BIGINT NOT NULL DEFAULT 0,
    existed BIGINT NOT NULL DEFAULT 0,
    changed BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    total BIGINT NOT NULL DEFAULT 0,
    -- full exports: objects delivered
    delivered_count BIGINT NOT NULL DEFAULT 0,
    -- where to go on listing
    marker TEXT,
    error TEXT,
    -- how often a worker took it; fences a worker that lost it
    attempts BIGINT NOT NULL DEFAULT 0,
    queued_at_ms BIGINT NOT NULL,
    started_at_ms BIGINT,
    last_ping_at_ms BIGINT,
    finished_at_ms BIGINT
);
CREATE INDEX sync_runs_storage ON sync_runs (storage_id, id);
CREATE UNIQUE INDEX sync_runs_one_running ON sync_runs (storage_id) WHERE status IN ('queued', 'in_progress');

-- Blobs that syncs have seen. They stay when their storage is deleted (storage_id becomes NULL), as
-- their tasks do, so that a new storage over the same container does not import them again.
CREATE TABLE source_blobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id BIGINT NOT NULL,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    storage_id BIGINT,
    account TEXT NOT NULL,
    container TEXT NOT NULL,
    name TEXT NOT NULL,
    etag TEXT NOT NULL,
    size BIGINT NOT NULL,
    modified_ms BIGINT NOT NULL,
    -- 'imported' or 'failed'
    state TEXT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    error_line BIGINT,
    error_column BIGINT,
    failed_at_ms BIGINT,
    -- the run that wrote this row last
    last_run_id BIGINT NOT NULL
);
CREATE UNIQUE INDEX source_blobs_identity ON source_blobs (project_id, account, container, name);
CREATE INDEX source_blobs_failed ON source_blobs (storage_id, name) WHERE state = 'failed';

CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id BIGINT NOT NULL,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    inner_id BIGINT NOT NULL,
    data TEXT NOT NULL,
    meta TEXT NOT NULL,
    overlap BIGINT NOT NULL DEFAULT 1,
    is_labeled BIGINT NOT NULL DEFAULT 0,
    annotation_count BIGINT NOT NULL DEFAULT 0,
    cancelled_annotation_count BIGINT NOT NULL DEFAULT 0,
    prediction_count BIGINT NOT NULL DEFAULT 0,
    source_blob_id BIGINT,
    source_row BIGINT,
    updated_by BIGINT,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);
CREATE INDEX tasks_project ON tasks (project_id, id);
-- exactly one task for a row of a blob
CREATE UNIQUE INDEX tasks_source ON tasks (source_blob_id, source_row) WHERE source_blob_id IS NOT NULL;

CREATE TABLE annotations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id BIGINT NOT NULL,
    project_id BIGINT NOT NULL,
    task_id BIGINT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    result TEXT NOT NULL,
    was_cancelled BIGINT NOT NULL,
    ground_truth BIGINT NOT NULL,
    lead_time DOUBLE PRECISION,
    completed_by BIGINT,
    updated_by BIGINT,
    parent_prediction_id BIGINT,
    parent_annotation_id BIGINT,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);
CREATE INDEX annotations_task ON annotations (task_id);
CREATE INDEX annotations_project ON annotations (project_id);

CREATE TABLE predictions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id BIGINT NOT NULL,
    project_id BIGINT NOT NULL,
    task_id BIGINT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    result TEXT NOT NULL,
    score DOUBLE PRECISION,
    model_version TEXT,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);
CREATE INDEX predictions_task ON predictions (task_id);
CREATE INDEX predictions_project ON predictions (project_id);

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    unique_key TEXT,
    -- 'waiting', 'leased' or 'failed'
    state TEXT NOT NULL,
    -- when to begin; under lease, when the lease runs out
    due_at_ms BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    max_attempts BIGINT NOT NULL,
    worker_id TEXT,
    error TEXT,
    created_at_ms BIGINT NOT NULL
);
CREATE INDEX jobs_due ON jobs (due_at_ms) WHERE state <> 'failed';
CREATE UNIQUE INDEX jobs_unique_key ON jobs (unique_key) WHERE state <> 'failed' AND unique_key IS NOT NULL;

-- One row per object that is to be written to or deleted from a target storage.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- raised by every newer change of the object
    version BIGINT NOT NULL DEFAULT 1,
    org_id BIGINT NOT NULL,
    project_id BIGINT NOT NULL,
    storage_id BIGINT NOT NULL REFERENCES storages (id) ON DELETE CASCADE,
    task_id BIGINT NOT NULL,
    annotation_id BIGINT,
    object_key TEXT NOT NULL,
    -- 'upsert' or 'delete'
    op TEXT NOT NULL,
    run_id BIGINT,
    attempts BIGINT NOT NULL DEFAULT 0,
    -- NULL: given up
    next_at_ms BIGINT,
    worker_id TEXT,
    lease_until_ms BIGINT,
    error TEXT
);
CREATE UNIQUE INDEX outbox_object ON outbox (storage_id, object_key);
CREATE INDEX outbox_due ON outbox (next_at_ms) WHERE next_at_ms IS NOT NULL;
CREATE INDEX outbox_run ON outbox (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms BIGINT NOT NULL,
    org_id BIGINT NOT NULL,
    actor BIGINT,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_log_org ON audit_log (org_id, id);
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
