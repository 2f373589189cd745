"""schemathesis tries the OpenAPI document with all its checks: whatever fits it is taken and answered as it says,
whatever does not is refused, nothing fails here.

Every route is tried as soon as the document names it; each one that records something on a small world of its own.
``TRUYVET_OPENAPI_EXAMPLES=150 pytest tests/api/http/test_openapi.py -rP`` tries more than ten thousand cases.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, timezone
from typing import Any, Final, NamedTuple, NoReturn

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.engine import events, from_schema
from schemathesis.openapi.checks import RejectedPositiveData
from starlette.types import Receive, Scope, Send

from api.app import Truyvet
from api.http import create_app, lists, opened_app
from application.access_keys import KeyText
from tests.api.http.asking import Api, at, bearer

EXAMPLES: Final = int(os.environ.get("TRUYVET_OPENAPI_EXAMPLES", "6"))
"""Made up for each route and each kind of data, beside those that the document itself suggests."""
MANY: Final = 100
SEED: Final = 20211112
EXAMPLE_ID: Final = "0b9f3c2e-7d41-4c0e-9a53-6f2f0f6f7f10"


class Refusal(NamedTuple):
    """What fits the document and is refused nevertheless, since JSON Schema cannot say why."""

    routes: str
    detail: str


REFUSALS: Final = (
    # one field against another, or against what is recorded
    Refusal("GET .*/(visits|overlaps|quality)$|POST /v1/traces$", "the window ends after it begins"),
    Refusal("POST /v1/traces$", "the horizon lies after the start of the window"),
    Refusal("POST .*/check-outs?$|POST .*/correction$", "the check-out is not after the check-in"),
    Refusal("POST .*/check-outs?$|POST .*/correction$", "the visit was retracted"),
    Refusal("POST /v1/quarantines", "a quarantine ends after it begins"),
    Refusal("POST /v1/quarantines$", "a quarantine is assigned from one thing: a case, a declaration or an order"),
    Refusal("POST /v1/quarantines$", "that person is no contact of the case, as far as is known now"),
    Refusal("POST /v1/quarantines$", "that declaration is another person's"),
    Refusal("POST /v1/quarantines$", "no rule set for quarantine was in force on that day; .*"),
    Refusal("POST /v1/quarantines$", "by the rules the quarantine would be over before it begins; say until when"),
    Refusal("POST /v1/quarantines/.*/move$", "the move is of a time outside the quarantine"),
    Refusal("POST .*/positions$", "the position is of a time (outside the quarantine|in the future)"),
    Refusal("POST /v1/quarantines/.*/move$", "the quarantine was moved at a later time already"),
    Refusal("POST /v1/quarantines", "that site is a facility"),
    Refusal("POST /v1/quarantines", "the site is full: .*"),
    Refusal("POST /v1/sites/.*/cameras$", "of a site's cameras no more can be connected than are registered"),
    Refusal("(POST|PATCH) /v1/sites/.*", "the site is closed for good"),
    Refusal("POST .*/(reactivation|suspension|closure)$", "the status of the venue changed after that time already"),
    Refusal("POST .*/(reactivation|suspension|qr-codes|guards)$", "the venue is closed for good"),
    Refusal("POST .*/guards", "the authorisation of a guard ends (after it begins|in the future)"),
    Refusal("POST .*/reactivation$", "the venue is not suspended"),
    Refusal("POST /v1/check-ins$", "the venue is suspended or closed at that time"),
    Refusal("POST /v1/cases/", "the case was withdrawn"),
    Refusal("POST /v1/cases/.*/amendment$", "a case needs the date of onset or of the positive sample"),
    Refusal("POST /v1/keys$", "an? (key|admin's key|guard's key|manager's key) is bound to .*"),
    Refusal("POST /v1/keys$", "a key expires in the future"),
    Refusal("GET /v1/reports/", "give one of week and week_ending"),
    Refusal("GET /v1/reports/campaign$", "the period has 1 to 366 days|a time must lie between 1970 and 2106"),
    Refusal("POST /v1/calls/.*/attempts$", "call_back_at goes with the outcome call_back"),
    Refusal("POST /v1/calls/.*/attempts$", "somebody is called back after the attempt, within 14 days"),
    # against lists too long for a schema
    Refusal("(POST|PATCH) /v1/(venues|keys|declarations|sites|calls)", "(commune|area) is no code of the official .*"),
    # positions and cursors are what earlier answers gave
    Refusal("(GET|POST) ", r"the log ends at position \d+"),
    Refusal("(GET|POST) ", "that is no cursor of ours"),
    # text in a form of its own
    Refusal("GET ", r"query\.\w+: it is a whole number"),  # 10.0 is an integer in JSON, and none in a URL
    Refusal("(POST|PATCH) ", r"body\.\w+: the phone number (is none|cannot be read)"),
    Refusal("GET /v1/reports/", r"query\.week: (there is no week .*|a time must lie between 1970 and 2106)"),
    Refusal("POST ", "that is no QR code of a venue of ours"),
    Refusal("POST ", "that is no personal QR code of a format that is known here"),
    Refusal("POST /v1/imports/", r"the file is empty|the header lacks .*|the file holds no call file"),
    Refusal("(POST|PATCH) /v1/(venues|quarantines|keys|sites)", ".* ha(s|ve) 1 to [0-9]+ printable characters"),
)

instants = st.builds(
    lambda seconds, hours: datetime(2021, 1, 1, tzinfo=timezone(timedelta(hours=hours))) + timedelta(seconds=seconds),
    st.integers(0, 400 * 86_400), st.integers(-11, 13),
)  # fmt: skip
"""Of the past and after 1970; the formats have thousands of years."""


def _document() -> dict[str, Any]:
    document: dict[str, Any] = opened_app(_never).openapi()
    for schema in document["components"]["schemas"].values() if EXAMPLES < MANY else ():
        for choice in schema.get("properties", {}).get("opening_hours", {}).get("anyOf", ()):
            choice.pop("maxLength", None)  # to make up hours of exactly so many letters takes half a minute
    return document


def _never() -> AbstractContextManager[NoReturn]:
    raise NotImplementedError


def _groups(document: dict[str, Any]) -> dict[str, list[str]]:
    """Routes that are tried together: each that records something alone, those that read by what they are about."""
    groups: dict[str, list[str]] = defaultdict(list)
    for path, operations in document["paths"].items():
        for method in operations:
            label = f"{method.upper()} {path}"
            groups["/".join(path.split("/")[:3]) if method == "get" else label].append(label)
    return groups


DOCUMENT: Final = _document()
GROUPS: Final = _groups(DOCUMENT)


class World(NamedTuple):
    """``ids`` are those that EXAMPLE_ID stands for, by the beginning of the path."""

    app: FastAPI
    truyvet: Truyvet
    key: KeyText
    ids: dict[str, str]


@pytest.fixture
def world(truyvet: Truyvet) -> World:
    """In which the ids exist that the document gives as examples."""
    _, key = truyvet.access_keys.create("admin")
    app = create_app(truyvet)
    app.openapi_schema = DOCUMENT
    with TestClient(app, headers=bearer(key)) as client:
        return World(app, truyvet, key, _recorded(Api(client, truyvet, key)))


def _recorded(api: Api) -> dict[str, str]:
    whole = api.venue(visit := "pccovid:8841")
    api.venue("HN-0001", part_of=whole)
    body = {"venue": visit, "person": "ref:ABC-1", "at": at("08:00"), "visit_id": visit}
    assert api.post("check-ins", body).status_code == 201
    assert api.post("check-ins", body | {"person": "ref:ABC-2", "visit_id": "2"}).status_code == 201
    api.case("ABC-1", case_id=EXAMPLE_ID)
    body = {"person": "ref:ABC-1", "from": at("07:00"), "quarantine_id": visit, "latitude": 21.03, "longitude": 105.85}
    assert api.post("quarantines", body).status_code == 201
    assert api.post(f"quarantines/{visit}/positions", {"latitude": 0, "longitude": 0}).status_code == 201
    told = {"person": "ref:ABC-2", "kind": "health", "channel": "app", "symptoms": ["fever"], "declaration_id": visit}
    declared = api.post("declarations", told)
    assert declared.status_code == 201
    site = api.post("sites", {"name": "KTX B", "kind": "facility", "commune": "00001", "capacity": 2})
    assert site.status_code == 201
    api.truyvet.policies.catch_up()
    imported = b"person,venue,check_in,check_out\nref:ABC-2,HN-0001,2021-08-30T09:00:00Z,\n"
    assert api.imported("visits", imported)["recorded"] == 1
    return {
        "/v1/imports/": api.items("imports")[0]["import_id"],
        "/v1/people/": api.items(f"venues/{visit}/visits", **{"from": at("00:00"), "to": at("12:00")})[0]["person_id"],
        "/v1/keys/": str(api.as_("auditor").key.id),
        "/v1/escalations/": declared.json()["escalation_id"],
        "/v1/calls/": api.items("call-list")[0]["call_id"],
        "/v1/sites/": site.json()["site_id"],
    }


class Tried:
    """What came of trying some routes."""

    def __init__(self) -> None:
        self.cases = 0
        self.failures: dict[tuple[str, str, str], str] = {}

    def of(self, scenario: events.ScenarioFinished) -> None:
        recorder = scenario.recorder
        self.cases += len(recorder.interactions)
        for case, checks in recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    failure, sample = check.failure_info.failure, check.failure_info.code_sample
                    answer = recorder.interactions[failure.case_id or case].response
                    told = "" if answer is None else answer.text[:500]
                    key = (recorder.label, check.name, re.sub(r"\d+", "0", told))
                    self.failures.setdefault(key, f"{recorder.label}: {failure}\n{sample}\n{told}")


class _Settled:
    """The application of a world, whose views see every write at once, and where whoever asks keeps the key."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._settle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["path"] = self._meant(scope["path"])
        await self.world.app(scope, receive, send)
        if scope["type"] == "http" and scope["method"] in ("POST", "PATCH"):
            self._settle()

    def _settle(self) -> None:
        self.world.truyvet.graph.catch_up()
        self.world.truyvet.registers.catch_up()

    def _meant(self, path: str) -> str:
        path = path.replace(str(self.world.key.id), EXAMPLE_ID)
        known = [an_id for beginning, an_id in self.world.ids.items() if path.startswith(beginning)]
        return path.replace(EXAMPLE_ID, *known) if known else path


def tried(world: World, *routes: str, phases: tuple[str, ...]) -> Tried:
    config = SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "headers": bearer(world.key),
            "continue-on-failure": True,
            "warnings": False,
            "generation": {"max-examples": EXAMPLES, "deterministic": True, "no-shrink": True, "database": "none"},
            "phases": {name: {"enabled": name in phases} for name in ("examples", "coverage", "fuzzing", "stateful")},
        }
    )
    schema = schemathesis.openapi.from_asgi("/openapi.json", _Settled(world), config=config)
    schema = schema.include(name=list(routes)) if routes else schema

    @schema.hook
    def filter_failure(context: Any, failure: Failure, case: schemathesis.Case, response: Any) -> bool:
        return not _is_meant(failure, case, response)

    found = Tried()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            found.of(event)
        assert not isinstance(event, events.NonFatalError), event
    return found


def _is_meant(failure: Failure, case: schemathesis.Case, response: Any) -> bool:
    if response.status_code == 504:  # said so of a position that nobody has reached
        return bool(case.query) and "wait_for" in case.query
    if not isinstance(failure, RejectedPositiveData):
        return False
    detail = response.json()["detail"]
    return any(
        re.match(refusal.routes, case.operation.label) and re.fullmatch(refusal.detail, detail) for refusal in REFUSALS
    )


@pytest.fixture(autouse=True)
def _times_that_can_be(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """And nobody waits for a position that does not come."""
    from schemathesis.specs.openapi.formats import STRING_FORMATS, register_string_format

    monkeypatch.setattr(lists, "LONGEST_WAIT_SECONDS", 0.0)
    before = dict(STRING_FORMATS)
    register_string_format("date-time", instants.map(datetime.isoformat))
    register_string_format("date", instants.map(lambda instant: instant.date().isoformat()))
    yield
    STRING_FORMATS.clear()
    STRING_FORMATS.update(before)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("group", GROUPS)
def test_every_route_keeps_to_the_document(world: World, group: str) -> None:
    found = tried(world, *GROUPS[group], phases=("examples", "coverage", "fuzzing"))
    print(f"{group}: {found.cases} cases")  # noqa: T201 # shown with -rP
    assert found.cases >= 5 * len(GROUPS[group])
    assert not found.failures, "\n\n".join(found.failures.values())


@pytest.mark.timeout(3600)
def test_routes_one_after_another_with_what_the_others_answered(world: World) -> None:
    found = tried(world, phases=("stateful",))
    print(f"one after another: {found.cases} cases")  # noqa: T201 # shown with -rP
    assert found.cases > EXAMPLES
    assert not found.failures, "\n\n".join(found.failures.values())


def test_each_exception_is_about_a_route_that_is_there() -> None:
    labels = [label for group in GROUPS.values() for label in group]
    for refusal in REFUSALS:
        assert any(re.match(refusal.routes, label) for label in labels), refusal
