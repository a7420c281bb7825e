-- The audit log is only added to, and lets go only of what an entry of its own says: an
-- "audit.expire" entry names the instant (detail.until_ms) before which entries of its
-- organization may go. That instant is at least a day before the entry, so the entry itself
-- always stays: nothing can be deleted without a trace.
CREATE INDEX audit_log_expire ON audit_log (org_id) WHERE action = 'audit.expire';
DROP TRIGGER audit_log_no_change ON audit_log;
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_refuse();
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse();
CREATE FUNCTION audit_log_let_go() RETURNS trigger LANGUAGE plpgsql AS '
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM audit_log e WHERE e.org_id = OLD.org_id AND e.action = ''audit.expire''
        AND CAST(CAST(e.detail AS jsonb)->>''until_ms'' AS BIGINT) > OLD.at_ms
        AND CAST(CAST(e.detail AS jsonb)->>''until_ms'' AS BIGINT) <= e.at_ms - 86400000
    ) THEN
        RAISE EXCEPTION ''the audit log is only added to'';
    END IF;
    RETURN OLD;
END';
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_let_go();
