-- Keys of what is unique at an instant begin with it, so that the index takes new ones in at its end, however many there
-- are. Those of visits (application/visit_keys.py) are made again from the log; a key is a uuid, which is smaller and
-- quicker to compare than bytea.
CREATE FUNCTION pg_temp.timed_key(kind text, instant bigint, person text, venue text) RETURNS uuid
    LANGUAGE sql IMMUTABLE
    RETURN encode(
        substr(int8send(instant), 5) || substr(sha256(convert_to(concat_ws(E'\n', kind, person, venue), 'UTF8')), 1, 12),
        'hex'
    )::uuid;

CREATE TABLE timed_keys AS
WITH check_ins AS (
    SELECT notification_id AS position, originator_id AS stream, visit ->> 'person' AS person, visit ->> 'venue' AS venue,
        extract(epoch FROM (visit ->> 'check_in')::timestamptz)::bigint AS check_in,
        (visit ->> 'clock_error_seconds')::bigint AS clock_error
    FROM (
        SELECT *, convert_from(state, 'UTF8')::json AS visit FROM events WHERE topic = 'Visit.CheckedIn'
    ) AS read
)
SELECT DISTINCT ON (key) key, stream FROM (
    SELECT encode(key, 'hex')::uuid, stream, 0
    FROM keys
    WHERE length(key) = 16 AND NOT EXISTS (SELECT FROM check_ins WHERE check_ins.stream = keys.stream)
    UNION ALL
    SELECT pg_temp.timed_key('triple', check_in, person, venue), stream, position FROM check_ins
    UNION ALL
    SELECT pg_temp.timed_key('device triple', check_in + clock_error, person, venue), stream, position
    FROM check_ins WHERE clock_error IS NOT NULL
) AS claims (key, stream, position)
ORDER BY key, position;

DROP TABLE keys;
ALTER TABLE timed_keys RENAME TO keys;
ALTER TABLE keys ALTER COLUMN key SET NOT NULL, ALTER COLUMN stream SET NOT NULL;
ALTER TABLE keys ADD PRIMARY KEY (key);
DROP FUNCTION pg_temp.timed_key;
