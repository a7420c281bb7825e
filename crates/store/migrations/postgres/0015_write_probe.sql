-- Written after an outage only, to see whether the database takes what is written again.
CREATE TABLE write_probe (
    id BIGINT NOT NULL PRIMARY KEY,
    count BIGINT NOT NULL,
    room BYTEA NOT NULL
);
