-- The audit log is only added to, also against REPLACE, and lets go only of what an entry of its
-- own says: an "audit.expire" entry names the instant (detail.until_ms) before which entries of
-- its organization may go. That instant is at least a day before the entry, so the entry itself
-- always stays: nothing can be deleted without a trace.
DROP TRIGGER audit_log_no_delete;
CREATE INDEX audit_log_expire ON audit_log (org_id) WHERE action = 'audit.expire';
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
WHEN NOT EXISTS (
    SELECT 1 FROM audit_log e WHERE e.org_id = OLD.org_id AND e.action = 'audit.expire'
    AND CAST(e.detail->>'until_ms' AS BIGINT) > OLD.at_ms
    AND CAST(e.detail->>'until_ms' AS BIGINT) <= e.at_ms - 86400000
)
BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
-- REPLACE deletes what stands in its way without asking the trigger above. An id that the database
-- chooses is negative here.
CREATE TRIGGER audit_log_no_replace BEFORE INSERT ON audit_log
WHEN NEW.id > 0 AND EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
