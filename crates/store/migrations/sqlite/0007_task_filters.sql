-- The grid's filters that no other index answers in order. Few tasks are skipped, and none is new.
CREATE INDEX tasks_skipped ON tasks (project_id, id) WHERE is_labeled = 0 AND cancelled_annotation_count > 0;
CREATE INDEX annotations_of_annotator ON annotations (project_id, completed_by, task_id);
