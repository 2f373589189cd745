-- Venues say where they lie, who manages them, whether they are in use, and what they lie in.
TRUNCATE venues, cases, quarantines, imports, access_keys;
ALTER TABLE venues
    ADD COLUMN latitude      double precision,      -- degrees, WGS 84
    ADD COLUMN longitude     double precision,
    ADD COLUMN opening_hours text,
    ADD COLUMN manager_id    uuid,
    ADD COLUMN part_of       uuid,
    ADD COLUMN status        text        NOT NULL,  -- active, suspended, closed
    ADD COLUMN status_since  timestamptz NOT NULL;  -- when it happened
CREATE INDEX venues_part_of_idx ON venues (part_of, position) WHERE part_of IS NOT NULL;

-- The registers are read from the log again.
DELETE FROM tracking WHERE application_name = 'registers';
