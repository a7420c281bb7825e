-- Members who sign in with Entra ID, known by tenant and object id only.
CREATE TABLE entra_identities (
    org_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    tenant_id TEXT NOT NULL,
    object_id TEXT NOT NULL,
    -- for showing only
    username TEXT,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (org_id, user_id),
    FOREIGN KEY (org_id, user_id) REFERENCES memberships (org_id, user_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX entra_identities_person ON entra_identities (tenant_id, object_id);

-- Browsers that were sent to Entra ID: a member to connect an identity, or anybody to sign in.
CREATE TABLE entra_sign_ins (
    state_hash BYTEA NOT NULL PRIMARY KEY,
    -- of the member's session, or of a cookie made for this one way
    browser_hash BYTEA NOT NULL,
    -- NULL for signing in
    org_id BIGINT,
    user_id BIGINT,
    expires_at_ms BIGINT NOT NULL,
    FOREIGN KEY (org_id, user_id) REFERENCES memberships (org_id, user_id) ON DELETE CASCADE
);
CREATE INDEX entra_sign_ins_expires ON entra_sign_ins (expires_at_ms);
