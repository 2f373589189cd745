ALTER TABLE quarantines ADD COLUMN completed boolean NOT NULL DEFAULT false; -- its end came

-- Breaches of quarantines; position is that of the breach and names its alert.
CREATE TABLE breaches (
    stream          uuid        NOT NULL,  -- of the quarantine
    number          integer     NOT NULL,  -- within the quarantine
    person_id       uuid        NOT NULL,
    kind            text        NOT NULL,  -- check_in, position
    at              timestamptz NOT NULL,
    visit_id        text,
    venue_id        uuid,
    distance_metres integer,
    dismissed       text,                  -- why, where it was
    changed         bigint      NOT NULL UNIQUE,  -- the position at which it came to be as it is
    position        bigint      NOT NULL UNIQUE,
    PRIMARY KEY (stream, number)
);

-- Alerts on their way to TRUYVET_ALERT_URL, one for each event that calls for one. No view: that something was delivered
-- does not follow from the log, and a rebuild neither forgets nor repeats it.
CREATE TABLE outbox (
    position     bigint      PRIMARY KEY,  -- of the event
    content      jsonb       NOT NULL,     -- ids only
    attempts     integer     NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL DEFAULT now(),
    failure      text,                     -- of the last attempt
    delivered_at timestamptz
);
CREATE INDEX outbox_due_idx ON outbox (due_at) WHERE delivered_at IS NULL;
