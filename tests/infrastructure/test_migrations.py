"""A database from before: the log is read as ever, and what was built from it is built again."""

from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from api.app import Truyvet
from application.scans import CheckIn
from application.venues import code_key
from domain.visits import Scan
from infrastructure import database
from infrastructure.database import migrate
from infrastructure.registers import Registers
from infrastructure.verification import verify
from tests.conftest import opened

NINE = 1_630_288_800
VENUE = "8c1b7f1a-52c1-4f43-8a64-0d9f2b3b8a31"
REGISTERED = (
    '{"schema":1,"happened_at":"2021-08-30T02:00:00Z","code":"cafe","name":"Cafe","kind":"restaurant",'
    '"commune":"14995","address":null,"default_stay_minutes":60}'
)

WITH_ONE_VENUE = f"""
INSERT INTO events (notification_id, recorded_at, originator_id, originator_version, topic, state, actor)
VALUES (1, now(), '{VENUE}', 1, 'Venue.Registered', convert_to('{REGISTERED}', 'UTF8'), 'local');
UPDATE log_head SET position = 1, recorded_at = now();
INSERT INTO keys (key, stream) VALUES (decode('{code_key("cafe").hex()}', 'hex'), '{VENUE}');
INSERT INTO venues (venue_id, code, name, kind, commune, default_stay_minutes, registered_at, position)
VALUES ('{VENUE}', 'cafe', 'Cafe', 'restaurant', '14995', 60, '2021-08-30T02:00:00Z', 1);
INSERT INTO tracking (application_name, notification_id) VALUES ('registers', 1);
"""  # noqa: S608 # nothing comes from outside


def test_a_database_of_the_first_version_is_brought_up_to_date(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = database.migrations()
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        with monkeypatch.context() as patch:
            patch.setattr(database, "migrations", lambda: known[:3])
            migrate(connection)
        connection.execute(WITH_ONE_VENUE)
        assert migrate(connection) == [migration.name for migration in known[3:]]

    with opened(database_url, tmp_path / "data") as truyvet:
        truyvet.venues.close("cafe", at=1_630_300_000)
        truyvet.registers.catch_up()
        (row,) = truyvet.registers.venues.page()
        assert (row.code, row.status, row.latitude, row.position) == ("cafe", "closed", None, 1)


KEYS_AS_BEFORE = """
ALTER TABLE keys ALTER COLUMN key TYPE bytea USING uuid_send(key);
UPDATE keys SET key = substr(sha256(key), 1, 16)
WHERE stream IN (SELECT originator_id FROM events WHERE topic = 'Visit.CheckedIn');
DELETE FROM migrations WHERE number = 17;
"""


def test_the_keys_of_visits_are_made_again_from_the_log(truyvet: Truyvet) -> None:
    truyvet.venues.register("Cafe", "restaurant", code="cafe")
    visit = truyvet.visits.check_in("ref:ann", "cafe", NINE).id
    truyvet.visits.correct(visit, check_in=NINE - 60, reason="the clock was wrong")
    truyvet.scans.record([CheckIn("ref:bob", "cafe", NINE + 90, scan=Scan(clock_error_seconds=90))])
    truyvet.quarantines.assign("ref:ann", NINE)
    with psycopg.connect(truyvet.database.conninfo, autocommit=True, row_factory=dict_row) as connection:
        made = connection.execute("SELECT * FROM keys ORDER BY key").fetchall()
        connection.execute(KEYS_AS_BEFORE)
        assert migrate(connection) == ["0017_timed_keys.sql"]
        assert connection.execute("SELECT * FROM keys ORDER BY key").fetchall() == made
        assert len(made) == 7
    assert list(verify(truyvet.log, truyvet.vault, Registers(truyvet.log), truyvet.graph)) == []
