-- What became of each venue: one row for each event that says where it lies or that it is no more. Rows only come; so
-- what was known at a position is in the rows up to it.
CREATE TABLE venue_history (
    position    bigint      PRIMARY KEY,
    venue_id    uuid        NOT NULL,
    kind        text        NOT NULL,  -- registered, moved, closed
    happened_at timestamptz NOT NULL,
    commune     text                   -- where it lies from then on; nothing where it was closed
);
CREATE INDEX venue_history_venue_id_idx ON venue_history (venue_id);
CREATE INDEX venue_history_commune_idx ON venue_history (commune, venue_id) WHERE kind <> 'closed';

-- The registers read the log again, for the new one.
DELETE FROM tracking WHERE application_name = 'registers';
TRUNCATE venues, cases, quarantines, imports, access_keys;
