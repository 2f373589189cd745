-- What was answered to each Idempotency-Key, so that a retry is answered the same and records nothing. Written in the
-- transaction of the events that it is about; no view: it does not follow from the log.
CREATE TABLE requests (
    key         bytea       PRIMARY KEY,  -- hash of actor, route, path and Idempotency-Key
    fingerprint bytea       NOT NULL,     -- keyed hash of method, path and body
    answer_id   text,
    position    bigint      NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
