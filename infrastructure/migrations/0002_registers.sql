-- The registers: small views of the log, written by one projection with its position (tracking: "registers") and
-- rebuilt at will. In each, position is that of the row's first event: it never changes and orders the pages.
CREATE TABLE venues (
    venue_id             uuid        PRIMARY KEY,
    code                 text,
    name                 text        NOT NULL,
    kind                 text        NOT NULL,
    commune              text,
    address              text,
    default_stay_minutes integer     NOT NULL,
    registered_at        timestamptz NOT NULL,  -- when it happened
    position             bigint      NOT NULL UNIQUE
);

CREATE TABLE cases (
    case_id     uuid    PRIMARY KEY,
    person_id   uuid    NOT NULL,
    rules       text    NOT NULL,
    onset       date,
    sampled     date,
    isolated_at timestamptz,
    cleared_at  timestamptz,
    withdrawn   boolean NOT NULL DEFAULT false,
    position    bigint  NOT NULL UNIQUE
);
CREATE INDEX cases_person_id_idx ON cases (person_id, position);

CREATE TABLE quarantines (
    stream        uuid        PRIMARY KEY,
    quarantine_id text        NOT NULL UNIQUE,
    person_id     uuid        NOT NULL,
    since         timestamptz NOT NULL,
    until         timestamptz,                      -- open while unknown
    kind          text,
    place         text,
    released      boolean     NOT NULL DEFAULT false,  -- until is that of a release
    withdrawn     boolean     NOT NULL DEFAULT false,
    position      bigint      NOT NULL UNIQUE
);
CREATE INDEX quarantines_person_id_idx ON quarantines (person_id, position);

CREATE TABLE imports (
    import_id    uuid        PRIMARY KEY,
    kind         text        NOT NULL,
    begun_at     timestamptz NOT NULL,
    ended_at     timestamptz,                       -- unknown while it runs, and when it was killed
    sha256       text,
    read         bigint,
    recorded     bigint,
    completed    bigint,
    duplicates   bigint,
    rejected     bigint,
    failure      text,                              -- why reading stopped before the end of the file, if it did
    retracted_at timestamptz,
    actor        text,
    position     bigint      NOT NULL UNIQUE
);
