-- How a storage fared last, and when its credential ends. A storage without a row was never used.
CREATE TABLE storage_health (
    storage_id BIGINT NOT NULL PRIMARY KEY REFERENCES storages (id) ON DELETE CASCADE,
    last_success_at_ms BIGINT,
    last_failure_at_ms BIGINT,
    -- of the last failure: its stable code, and cause and fix in words
    failure_code TEXT,
    failure_text TEXT,
    -- when the credential ends, by its own text or as entered
    expires_at_ms BIGINT
);
CREATE INDEX storage_health_expires ON storage_health (expires_at_ms) WHERE expires_at_ms IS NOT NULL;
