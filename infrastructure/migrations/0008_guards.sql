-- The guards: who was authorised at which venue, since when and until when, with which key.
CREATE TABLE guards (
    guard_id      uuid        PRIMARY KEY,
    venue_id      uuid        NOT NULL,
    person_id     uuid        NOT NULL,
    phone         text,                  -- the number that was named, sealed with the person's key
    key_id        uuid        NOT NULL,
    since         timestamptz NOT NULL,
    until         timestamptz,
    authorised_by text,
    revoked_at    timestamptz,
    revoked_by    text,
    position      bigint      NOT NULL UNIQUE
);
CREATE INDEX guards_venue_id_idx ON guards (venue_id, position);

-- A key may open nothing before a time.
TRUNCATE venues, cases, quarantines, imports, access_keys, venue_history;
ALTER TABLE access_keys ADD COLUMN valid_from timestamptz;

-- The registers read the log again.
DELETE FROM tracking WHERE application_name = 'registers';
