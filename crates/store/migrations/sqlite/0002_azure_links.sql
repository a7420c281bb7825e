-- Who linked a tenant and by which service principal; an unlinked tenant stays listed.
ALTER TABLE azure_links ADD COLUMN tenant_domain TEXT;
ALTER TABLE azure_links ADD COLUMN principal_object_id TEXT;
ALTER TABLE azure_links ADD COLUMN entra_username TEXT;
ALTER TABLE azure_links ADD COLUMN linked_by BIGINT;
ALTER TABLE azure_links ADD COLUMN unlinked_at_ms BIGINT;
-- no pre-signed URL that was handed out lives longer
ALTER TABLE azure_links ADD COLUMN last_sas_expires_at_ms BIGINT;
-- why Entra ID gave no token when it was asked last, as JSON
ALTER TABLE azure_links ADD COLUMN problem TEXT;

-- raised by every change of the organization's links
ALTER TABLE orgs ADD COLUMN links_version BIGINT NOT NULL DEFAULT 1;
-- blobs that no storage covers are read without a credential; off from the first link on
ALTER TABLE orgs ADD COLUMN reads_anonymously BIGINT NOT NULL DEFAULT 1;
UPDATE orgs SET reads_anonymously = 0 WHERE id IN (SELECT org_id FROM azure_links);

-- A person on the way to a link; at most one for each person of an organization.
CREATE TABLE azure_connects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    session_hash BLOB NOT NULL,
    -- 'sign_in', 'consent', 'waiting' or 'refused'
    step TEXT NOT NULL,
    -- of the one state that may come back; NULL when it has
    state_hash BLOB,
    state_expires_at_ms BIGINT NOT NULL,
    tenant_id TEXT,
    entra_username TEXT,
    tenant_domain TEXT,
    problem TEXT,
    tried_at_ms BIGINT,
    created_at_ms BIGINT NOT NULL,
    FOREIGN KEY (org_id, user_id) REFERENCES memberships (org_id, user_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX azure_connects_person ON azure_connects (org_id, user_id);
CREATE UNIQUE INDEX azure_connects_state ON azure_connects (state_hash) WHERE state_hash IS NOT NULL;

-- Which organization may use its link on a container.
CREATE TABLE container_claims (
    org_id BIGINT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
    account TEXT NOT NULL,
    container TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    -- 'asked', 'first' (nobody else was there) or 'proven' (by the marker)
    basis TEXT NOT NULL,
    -- name of the blob that proves control of the container
    marker TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (org_id, account, container)
);
CREATE UNIQUE INDEX container_claims_first ON container_claims (account, container, tenant_id) WHERE basis = 'first';
