-- Invitations, the last use of API tokens, and a GUID for every audit entry.

CREATE TABLE invites (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id BIGINT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    created_by BIGINT NOT NULL REFERENCES users (id),
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    accepted_at_ms BIGINT,
    revoked_at_ms BIGINT
);
CREATE INDEX invites_org ON invites (org_id, id);

ALTER TABLE api_tokens ADD COLUMN last_used_at_ms BIGINT;

-- Time-ordered GUIDs: a user delegation SAS carries its entry's as scid, and Azure's log shows it.
ALTER TABLE audit_log ADD COLUMN event_id TEXT NOT NULL DEFAULT '';
CREATE INDEX audit_log_event ON audit_log (event_id);
