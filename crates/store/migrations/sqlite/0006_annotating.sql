-- What a person has not submitted yet: one for a task, and one for each annotation that they change.
CREATE TABLE drafts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id BIGINT NOT NULL,
    project_id BIGINT NOT NULL,
    task_id BIGINT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    -- NULL: of an annotation that is still to be made
    annotation_id BIGINT REFERENCES annotations (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL,
    result TEXT NOT NULL,
    lead_time DOUBLE PRECISION,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    FOREIGN KEY (org_id, user_id) REFERENCES memberships (org_id, user_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX drafts_one ON drafts (task_id, user_id, (COALESCE(annotation_id, 0)));
CREATE INDEX drafts_annotation ON drafts (annotation_id);
CREATE INDEX drafts_user ON drafts (org_id, user_id, project_id);

-- Who has a task open. Gone from it after two minutes without a sign; the person's own old rows go
-- when they open their next task. No foreign key to tasks: a deleted task need not look here.
CREATE TABLE task_presence (
    task_id BIGINT NOT NULL,
    org_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    seen_at_ms BIGINT NOT NULL,
    PRIMARY KEY (task_id, user_id),
    FOREIGN KEY (org_id, user_id) REFERENCES memberships (org_id, user_id) ON DELETE CASCADE
);
CREATE INDEX task_presence_user ON task_presence (org_id, user_id);

-- Of the browser's: a repeated request finds what the first one made.
ALTER TABLE annotations ADD COLUMN unique_id TEXT;
CREATE UNIQUE INDEX annotations_unique_id ON annotations (task_id, unique_id) WHERE unique_id IS NOT NULL;

-- One's own annotations, newest first; takes the place of the index by project alone.
CREATE INDEX annotations_completed_by ON annotations (project_id, completed_by, id);
DROP INDEX annotations_project;

-- The next task to label, among however many that are labeled.
CREATE INDEX tasks_to_do ON tasks (project_id, is_labeled, id);
