-- The log: every event, once, in the order of its position.
CREATE TABLE events (
    notification_id    bigint      NOT NULL,  -- the position: 1, 2, 3, … without gaps
    recorded_at        timestamptz NOT NULL,  -- never decreases along positions
    originator_id      uuid        NOT NULL,  -- the stream
    originator_version bigint      NOT NULL,  -- the event's place in its stream
    topic              text        NOT NULL,  -- the event's name, "Visit.CheckedIn"
    state              bytea       NOT NULL,  -- JSON: schema, happened_at and the event's own fields
    actor              text,                  -- an access key's id, "local" or "policy:NAME"
    on_behalf_of       text,
    source             text,                  -- the system that it came from
    cause              bigint,                -- position of the event that led to it
    correlation        text,                  -- the request or import that it belongs to
    basis              text,                  -- legal basis or purpose
    PRIMARY KEY (originator_id, originator_version)
);
CREATE UNIQUE INDEX events_notification_id_idx ON events (notification_id);

-- The ordering lock, and the only source of positions: the row is updated by every append and locked until its commit.
CREATE TABLE log_head (
    only_row    boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    log_id      uuid        NOT NULL DEFAULT gen_random_uuid(),
    position    bigint      NOT NULL DEFAULT 0,
    recorded_at timestamptz NOT NULL DEFAULT '-infinity',
    key_check   bytea
) WITH (fillfactor = 10);
INSERT INTO log_head DEFAULT VALUES;

-- What must be unique across streams: a keyed hash of what is unique, and the stream that holds it. Rebuilt from the log.
CREATE TABLE keys (
    key    bytea PRIMARY KEY,
    stream uuid  NOT NULL
);

-- One key per person (or import), wrapped by the master key. Outside the log: deleting a row forgets its subject.
CREATE TABLE vault (
    subject     uuid  PRIMARY KEY,
    wrapped_key bytea NOT NULL
);

-- How far each view has read the log.
CREATE TABLE tracking (
    application_name text   PRIMARY KEY,
    notification_id  bigint NOT NULL
);
