-- Task files with more rows than one transaction should write: their rows wait here, checked and
-- seen by nobody, until the whole file is known to be right. No foreign key to the run or its
-- storage: a file that is decided is finished whatever becomes of them.
CREATE TABLE staged_files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id BIGINT NOT NULL,
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    run_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    etag TEXT NOT NULL,
    -- 'reading'; 'decided': all rows are right and become tasks; 'dropped': to be deleted
    state TEXT NOT NULL,
    -- whose tasks they become, once decided
    blob_id BIGINT,
    row_count BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX staged_files_of_run ON staged_files (run_id);
CREATE INDEX staged_files_of_project ON staged_files (project_id);
CREATE TABLE staged_rows (
    file_id BIGINT NOT NULL REFERENCES staged_files (id) ON DELETE CASCADE,
    -- from 0, in the file
    first_row BIGINT NOT NULL,
    -- JSON array of tasks
    tasks TEXT NOT NULL,
    PRIMARY KEY (file_id, first_row)
);

-- Somebody has cancelled the run while a file of it becomes tasks: it ends behind that file.
ALTER TABLE sync_runs ADD COLUMN stopping BIGINT NOT NULL DEFAULT 0;
