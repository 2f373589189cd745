-- The access keys, as one more register: never the hash of one. All registers read the log anew.
CREATE TABLE access_keys (
    key_id     uuid        PRIMARY KEY,
    role       text        NOT NULL,
    venue_id   uuid,
    area       text,                  -- the code of a unit
    expires_at timestamptz,
    label      text,
    person_id  uuid,                  -- whose it is, where that is one person
    created_at timestamptz NOT NULL,
    created_by text,
    revoked_at timestamptz,
    revoked_by text,
    position   bigint      NOT NULL UNIQUE
);

DELETE FROM tracking WHERE application_name = 'registers';
TRUNCATE venues, cases, quarantines, imports;
