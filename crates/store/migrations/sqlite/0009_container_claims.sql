-- Being linked proves nothing: a link says that somebody of the tenant signed in and that some
-- organization's administrator consented once. Who has shown that the tenant wants this organization:
-- 'administrator' (signed in for it), 'operator' (the command), 'agreed' (the owners of an
-- organization that holds the tenant), 'kept' (below), or nobody (NULL): such a link gives only the
-- containers that were proven by their marker.
ALTER TABLE azure_links ADD COLUMN proof TEXT;

-- Nobody was asked for proof before. Where only one organization has ever linked the tenant, nobody
-- else can have been kept out and nobody's container can have been taken, so its link stays as good
-- as it was. Where several have, which of them the tenant's administrator wanted is not known: each
-- keeps what it proved by a marker and proves the rest anew, the rightful one too. That interrupts
-- its work until an administrator signs in or a marker is written; the other choice would leave
-- strangers in.
UPDATE azure_links SET proof = 'kept' WHERE NOT EXISTS (
    SELECT 1 FROM azure_links o WHERE o.tenant_id = azure_links.tenant_id AND o.org_id <> azure_links.org_id);

-- 'first' means from now on: named by an organization whose link is proven, and looked at, while no
-- other organization was there. 'ended' is new: held until the tenant was unlinked; it gives nothing
-- and still keeps the container from whoever only names it.
UPDATE container_claims SET basis = 'asked' WHERE basis = 'first' AND NOT EXISTS (
    SELECT 1 FROM azure_links l WHERE l.org_id = container_claims.org_id
    AND l.tenant_id = container_claims.tenant_id AND l.proof IS NOT NULL);

-- the id_token of the sign-in says that the person administers the tenant
ALTER TABLE azure_connects ADD COLUMN is_administrator BIGINT NOT NULL DEFAULT 0;
