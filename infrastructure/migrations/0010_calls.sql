-- The calls: one row for each person who is or was to be called. Instants are whole seconds since 1970, which is what the
-- priority counts with; a call without due_at is closed, and status says why.
CREATE TABLE calls (
    call_id         uuid    PRIMARY KEY,
    person_id       uuid    NOT NULL,
    campaign        text    NOT NULL,              -- contacts, returnees
    level           integer,                       -- the smallest; none for a returnee without a known contact
    cases           uuid[]  NOT NULL,
    exposed_at      bigint  NOT NULL,
    last_exposed_at bigint  NOT NULL,
    certain         boolean NOT NULL,
    last_day        date    NOT NULL,              -- asked daily to this day
    incubation_ends bigint  NOT NULL,
    asked_at        bigint  NOT NULL,              -- requested, or reopened
    due_at          bigint,
    attempts        integer NOT NULL DEFAULT 0,
    failures        integer NOT NULL DEFAULT 0,    -- since the last answer
    answered_at     bigint,
    last_attempt_at bigint,
    last_outcome    text,
    held_by         text,
    held_until      bigint,
    status          text    NOT NULL DEFAULT 'open',
    position        bigint  NOT NULL UNIQUE
);
CREATE INDEX calls_due_at_idx ON calls (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX calls_last_day_idx ON calls (last_day) WHERE due_at IS NOT NULL;
