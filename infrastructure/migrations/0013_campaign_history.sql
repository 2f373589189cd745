-- What the figures of calling campaigns are made of: a row for each call, and for each word of where somebody lives.
-- Rows only come; so what was known at a position is in the rows up to it.
CREATE TABLE campaign_history (
    position    bigint      PRIMARY KEY,
    kind        text        NOT NULL,  -- called, declared (not by phone), resides
    person_id   uuid        NOT NULL,
    happened_at timestamptz NOT NULL,
    campaign    text,                  -- of a call: contacts, returnees, inbound
    answered    boolean,
    passed_on   boolean,               -- to the CDC, as abnormal
    cases       uuid[],                -- whose contact was called
    commune     text                   -- of residence
);
CREATE INDEX campaign_history_called_idx ON campaign_history (happened_at) WHERE kind = 'called';
CREATE INDEX campaign_history_resides_idx ON campaign_history (person_id, position) WHERE kind = 'resides';
