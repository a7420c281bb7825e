-- What an annotation brings from where it was made: the name of an author who is no member here,
-- and its id there (Label Studio's import_id).
ALTER TABLE annotations ADD COLUMN author TEXT;
ALTER TABLE annotations ADD COLUMN import_id BIGINT;
