-- A worker looks for them every second. Some databases have it from an earlier form of 0010.
CREATE INDEX IF NOT EXISTS sync_runs_stopping ON sync_runs (id) WHERE stopping = 1;
