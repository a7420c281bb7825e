-- What an object of a target storage is called is not the database's to know. One row is one
-- object: an annotation's, or a task's. Both are called by their number, so a number is one object,
-- also when the storage's layout changes while some wait.
DROP INDEX outbox_object;
ALTER TABLE outbox DROP COLUMN object_key;
CREATE UNIQUE INDEX outbox_object ON outbox (storage_id, COALESCE(annotation_id, task_id));
