-- What people declared of themselves. Rows only come.
CREATE TABLE declarations (
    declaration_id text        NOT NULL UNIQUE,
    person_id      uuid        NOT NULL,
    kind           text        NOT NULL,  -- returnee, health
    channel        text        NOT NULL,  -- phone, app, web, paper, border
    declared_at    timestamptz NOT NULL,
    arrived_at     timestamptz,
    commune        text,                  -- of residence, where it was said
    abnormal       boolean     NOT NULL,
    escalation_id  uuid,
    position       bigint      PRIMARY KEY
);
CREATE INDEX declarations_person_id_idx ON declarations (person_id, position);

-- What calls and declarations passed on to the CDC.
CREATE TABLE escalations (
    escalation_id   uuid        PRIMARY KEY,
    person_id       uuid        NOT NULL,
    reason          text        NOT NULL,
    origin          text        NOT NULL,  -- call, declaration
    origin_id       text        NOT NULL,
    cases           uuid[]      NOT NULL,
    answers         text,                  -- sealed with the person's key
    raised_at       timestamptz NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    note            text,                  -- sealed with the person's key
    position        bigint      NOT NULL UNIQUE
);
CREATE INDEX escalations_person_id_idx ON escalations (person_id, position);
CREATE INDEX escalations_open_idx ON escalations (position) WHERE acknowledged_at IS NULL;

-- Where people live, as far as they said.
CREATE TABLE residents (
    person_id uuid   PRIMARY KEY,
    commune   text   NOT NULL,
    position  bigint NOT NULL UNIQUE
);
CREATE INDEX residents_commune_idx ON residents (commune);
