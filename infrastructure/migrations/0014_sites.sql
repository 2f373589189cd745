-- The sites of quarantine: how many each takes, and its cameras. Who takes its places is in the quarantines.
CREATE TABLE sites (
    site_id            uuid        PRIMARY KEY,
    name               text        NOT NULL,
    kind               text        NOT NULL,  -- facility, hospital
    commune            text        NOT NULL,
    capacity           integer     NOT NULL,
    venue_id           uuid,
    latitude           double precision,      -- degrees, WGS 84
    longitude          double precision,
    cameras_registered integer     NOT NULL DEFAULT 0,
    cameras_connected  integer     NOT NULL DEFAULT 0,
    closed_at          timestamptz,
    position           bigint      NOT NULL UNIQUE
);
CREATE INDEX sites_commune_idx ON sites (commune, position);

-- Quarantines say what they were assigned from, by which rules they last, and at which site.
ALTER TABLE quarantines
    ADD COLUMN site_id      uuid,
    ADD COLUMN sealed_place text,             -- with the person's key; place is what was told in the clear before that
    ADD COLUMN origin       text,             -- exposure, case, declaration, order
    ADD COLUMN origin_id    text,
    ADD COLUMN level        integer,          -- of the exposure
    ADD COLUMN rules        text,             -- that gave the end
    ADD COLUMN vaccination  text;             -- where those rules asked for it
CREATE INDEX quarantines_site_id_idx ON quarantines (site_id) WHERE site_id IS NOT NULL;
