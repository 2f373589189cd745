"""Stored names and fields never change meaning: every name that was ever stored, with one example that must load."""

import json
from uuid import UUID

import pytest
from eventsourcing.persistence import StoredEvent

from infrastructure.mapper import EVENTS, OPTIONAL, EventMapper

STREAM = UUID("5d3c1f0e-7b39-4c47-9f0a-2f6d0a6f6c11")
PERSON = "0c6a4b6e-3f0d-4a55-9f57-6a7f3f1b7d21"
VENUE = "8c1b7f1a-52c1-4f43-8a64-0d9f2b3b8a31"
VISIT = f'"visit_id":"pccovid:8841","person":"{PERSON}","venue":"{VENUE}"'
QUARANTINE = f'"quarantine_id":"q1","person":"{PERSON}","since":"2021-08-30T02:00:00Z"'
ORIGIN = '"origin":"case","origin_id":"5d3c1f0e-7b39-4c47-9f0a-2f6d0a6f6c11","as_of":17'
EXPOSED = '"exposed_at":"2021-08-30T02:00:00Z","last_exposed_at":"2021-08-30T03:00:00Z","certainty":"certain"'
EXPOSURE = (
    f'"case":"{STREAM}","person":"{PERSON}","level":1,"exposed_at":"2021-08-30T02:00:00Z",'
    '"last_exposed_at":"2021-08-30T03:00:00Z","encounters":2,"contact_seconds":1800,"certainty":"certain",'
    f'"via":["{VENUE}"],"visits":["pccovid:8841","pccovid:8842"],"rules":"vn-11042","rules_version":"2021-12-29",'
    '"as_of":17'
)
REASON = f'"reason":{{"level":1,{EXPOSED},"rules":"vn-11042"}}'
STANDS = (
    f'"stands":{{"campaign":"contacts","level":1,"cases":["{STREAM}"],{EXPOSED},"last_day":"2021-09-13",'
    '"incubation_ends":"2021-09-13T03:00:00Z"}'
)
DATES = '"onset":"2021-08-30","sampled":null,"isolated_at":"2021-09-01T02:00:00Z","cleared_at":null'

STORED = {
    "Person.Registered": '"scheme":"ref","sealed":"bm9uY2UrY2lwaGVydGV4dA=="',
    "Person.Identified": '"scheme":"phone","sealed":"bm9uY2UrY2lwaGVydGV4dA=="',
    "Person.Described": '"sealed":"bm9uY2UrY2lwaGVydGV4dA=="',
    "Venue.Registered": '"code":"cafe","name":"Cafe","kind":"restaurant","commune":"14995","address":null,'
    '"default_stay_minutes":60',
    "Venue.Renamed": '"name":"Cafe 2"',
    "Venue.DefaultStayChanged": '"default_stay_minutes":30',
    "Venue.Moved": '"commune":"14998","address":"12 Lê Lợi","latitude":20.25,"longitude":104.75',
    "Venue.OpeningHoursChanged": '"opening_hours":"Mo-Sa 07:00-21:00"',
    "Venue.ManagerChanged": f'"manager":"{PERSON}"',
    "Venue.Suspended": "",
    "Venue.Reactivated": "",
    "Venue.Closed": "",
    "Venue.QrCodeIssued": '"serial":1,"signing_key":"9f86d081"',
    "Venue.QrCodeEnded": '"serial":1,"ends_at":"2021-09-06T02:00:00Z"',
    "Visit.CheckedIn": f'{VISIT},"check_in":"2021-08-30T02:00:00Z","check_out":null',
    "Visit.CheckedOut": f'{VISIT},"check_in":"2021-08-30T02:00:00Z","check_out":"2021-08-30T03:00:00Z"',
    "Visit.Corrected": f'{VISIT},"old_check_in":"2021-08-30T02:00:00Z","old_check_out":"2021-08-30T03:00:00Z",'
    '"check_in":"2021-08-30T02:10:00Z","check_out":null,"reason":null',
    "Visit.Retracted": f'{VISIT},"check_in":"2021-08-30T02:10:00Z","check_out":null,"reason":"c2VhbGVk"',
    "Case.Confirmed": f'"person":"{PERSON}","rules":"vn-11042",{DATES}',
    "Case.Amended": f'"person":"{PERSON}","rules":"who",{DATES}',
    "Case.Isolated": f'"person":"{PERSON}","isolated_at":"2021-09-02T02:00:00Z"',
    "Case.Withdrawn": f'"person":"{PERSON}","reason":"c2VhbGVk"',
    "Case.Closed": f'"person":"{PERSON}","reason":null',
    "Case.Reopened": f'"person":"{PERSON}"',
    "Exposure.Opened": f'"case":"{STREAM}","person":"{PERSON}"',
    "Exposure.Identified": EXPOSURE,
    "Exposure.Revised": EXPOSURE,
    "Exposure.Withdrawn": f'"case":"{STREAM}","person":"{PERSON}","level":1,"as_of":18',
    "Quarantine.Assigned": f'{QUARANTINE},"until":null,"kind":"home","place":null,"reason":null',
    "Quarantine.Extended": f'{QUARANTINE},"until":"2021-09-13T02:00:00Z"',
    "Quarantine.Released": f'{QUARANTINE},"until":"2021-09-10T02:00:00Z","reason":null',
    "Quarantine.Withdrawn": f'{QUARANTINE},"reason":null',
    "Quarantine.Moved": f'{QUARANTINE},"kind":"facility","place":"c2VhbGVk","site":"{VENUE}","coordinates":null,'
    '"radius_metres":null,"reason":"c2VhbGVk"',
    "Site.Registered": '"name":"KTX B","kind":"facility","commune":"14995","capacity":120,'
    f'"venue":"{VENUE}","latitude":20.25,"longitude":104.75',
    "Site.CapacityChanged": '"capacity":150',
    "Site.CamerasReported": '"registered":12,"connected":9',
    "Site.PlaceTaken": '"quarantine":"q1","since":"2021-08-30T02:00:00Z","until":null',
    "Site.PlaceChanged": '"quarantine":"q1","until":"2021-09-13T17:00:00Z"',
    "Site.PlaceFreed": '"quarantine":"q1","freed_at":"2021-09-02T02:00:00Z"',
    "Site.Closed": "",
    "Quarantine.PositionReported": f'{QUARANTINE},"at":"2021-08-31T02:00:00Z","coordinates":"c2VhbGVk",'
    '"distance_metres":412,"accuracy_metres":20,"within":false',
    "Quarantine.Breached": f'{QUARANTINE},"number":1,"kind":"check_in","at":"2021-08-31T02:00:00Z",'
    f'"visit_id":"pccovid:8841","venue":"{VENUE}","distance_metres":null',
    "Quarantine.BreachDismissed": f'{QUARANTINE},"number":1,"why":"by_hand","reason":"c2VhbGVk"',
    "Quarantine.Completed": f'{QUARANTINE},"until":"2021-09-13T02:00:00Z","breaches":0',
    "Import.Begun": '"kind":"visits"',
    "Import.Completed": '"sha256":"e3b0c442","read":5,"recorded":1,"completed":1,"duplicates":1,"rejected":2,'
    '"failure":null',
    "Import.Retracted": '"reason":null',
    "AccessKey.Created": f'"role":"guard","venue":"{VENUE}","area":null,"expires_at":"2021-09-01T02:00:00Z",'
    f'"sha256":"{"0" * 64}","label":"gate 7","person":"{PERSON}"',
    "AccessKey.Revoked": "",
    "Guard.Authorised": f'"venue":"{VENUE}","person":"{PERSON}","phone":"c2VhbGVk","key":"{STREAM}",'
    '"since":"2021-08-30T02:00:00Z","until":null',
    "Guard.Revoked": "",
    "Person.Resides": '"commune":"14995"',
    "Declaration.Made": f'"declaration_id":"ncovi:1","person":"{PERSON}","kind":"returnee","channel":"phone",'
    '"arrived_at":"2021-08-30T02:00:00Z","came_from":"c2VhbGVk","commune":"14995","abnormal":true,'
    f'"answers":"c2VhbGVk","notes":null,"escalation":"{STREAM}"',
    "Escalation.Raised": f'"person":"{PERSON}","reason":"symptoms","origin":"declaration","origin_id":"ncovi:1",'
    f'"cases":["{STREAM}"],"answers":"c2VhbGVk"',
    "Escalation.Acknowledged": f'"person":"{PERSON}","note":null',
    "Call.Requested": f'"person":"{PERSON}",{ORIGIN},{REASON},{STANDS},"due_at":"2021-08-31T02:00:00Z"',
    "Call.ReasonGiven": f"{ORIGIN},{REASON},{STANDS}",
    "Call.ReasonWithdrawn": f"{ORIGIN},{STANDS}",
    "Call.BroughtForward": '"due_at":"2021-08-31T02:00:00Z"',
    "Call.Claimed": f'"lease":"{STREAM}","by":"key:{STREAM}","held_until":"2021-08-31T02:10:00Z"',
    "Call.Returned": f'"lease":"{STREAM}"',
    "Call.Attempted": f'"attempt_id":"dialler:7","person":"{PERSON}","outcome":"call_back","by":"key:{STREAM}",'
    f'"lease":"{STREAM}","direction":"outbound","call_back_at":"2021-08-31T04:00:00Z","abnormal":true,"symptoms":true,'
    '"notes":"c2VhbGVk","answers":"c2VhbGVk","campaign":"contacts","level":1,'
    f'"cases":["{STREAM}"],"failures":0,"due_at":"2021-08-31T04:00:00Z","closed":null,"escalation":"{STREAM}"',
    "Call.BecameCase": f'"case":"{STREAM}","as_of":18',
    "Call.CeasedToBeCase": f'"case":"{STREAM}","as_of":19',
    "Call.Reopened": '"due_at":"2021-09-01T02:00:00Z","why":"no_case"',
    "Call.Closed": '"why":"missed"',
    "Call.Withdrawn": ORIGIN,
    "Lease.Taken": f'"by":"key:{STREAM}","calls":["{STREAM}"],"held_until":"2021-08-31T02:10:00Z"',
}

LATER = {
    "Venue.Registered": '"latitude":20.25,"longitude":104.75,"opening_hours":"24/7",'
    f'"manager":"{PERSON}","part_of":"{VENUE}"',
    "Visit.CheckedIn": '"assurance":"document","clock_error_seconds":-90,"device":"3f9a7c5e8d1b2046"',
    "Visit.CheckedOut": '"clock_error_seconds":30',
    "Case.Confirmed": '"levels":3',
    "AccessKey.Created": '"valid_from":"2021-08-31T02:00:00Z"',
    "Quarantine.Assigned": f'"coordinates":"c2VhbGVk","radius_metres":50,"site":"{VENUE}","origin":"exposure",'
    f'"origin_id":"{STREAM}","level":1,"rules":"vn-10696","vaccination":"full","sealed_place":"c2VhbGVk"',
}
"""The same with the fields that came later: an example of each event that has such."""

STREAMS = {
    "Person": ["Registered", "Identified", "Described", "Resides"],
    "Venue": [
        "Registered",
        "Renamed",
        "DefaultStayChanged",
        "Moved",
        "OpeningHoursChanged",
        "ManagerChanged",
        "Suspended",
        "Reactivated",
        "Closed",
        "QrCodeIssued",
        "QrCodeEnded",
    ],
    "Visit": ["CheckedIn", "CheckedOut", "Corrected", "Retracted"],
    "Case": ["Confirmed", "Amended", "Isolated", "Withdrawn", "Closed", "Reopened"],
    "Exposure": ["Opened", "Identified", "Revised", "Withdrawn"],
    "Quarantine": [
        "Assigned",
        "Extended",
        "Released",
        "Moved",
        "PositionReported",
        "Breached",
        "BreachDismissed",
        "Completed",
        "Withdrawn",
    ],
    "Import": ["Begun", "Completed", "Retracted"],
    "AccessKey": ["Created", "Revoked"],
    "Guard": ["Authorised", "Revoked"],
    "Declaration": ["Made"],
    "Escalation": ["Raised", "Acknowledged"],
    "Call": [
        "Requested",
        "ReasonGiven",
        "ReasonWithdrawn",
        "BroughtForward",
        "Claimed",
        "Returned",
        "Attempted",
        "BecameCase",
        "CeasedToBeCase",
        "Reopened",
        "Closed",
        "Withdrawn",
    ],
    "Lease": ["Taken"],
    "Site": ["Registered", "CapacityChanged", "CamerasReported", "PlaceTaken", "PlaceChanged", "PlaceFreed", "Closed"],
}


def stored(topic: str, version: int, later: str = "") -> StoredEvent:
    fields = ('"schema":1', '"happened_at":"2021-08-30T02:00:00Z"', STORED[topic], later)
    return StoredEvent(STREAM, version, topic, f"{{{','.join(filter(None, fields))}}}".encode())


def test_every_name_that_is_stored_is_pinned_here() -> None:
    assert set(EVENTS) == set(STORED)


@pytest.mark.parametrize("topic", STORED)
def test_each_stored_example_is_written_as_it_was_read(topic: str) -> None:
    mapper, example = EventMapper(), stored(topic, 1)
    again = mapper.to_stored_event(mapper.to_domain_event(example))

    assert again == example
    assert json.loads(again.state)["schema"] == 1


def test_every_event_with_fields_that_came_later_has_an_example_here() -> None:
    assert {topic for topic, optional in OPTIONAL.items() if optional} == set(LATER)


@pytest.mark.parametrize("topic", LATER)
def test_fields_that_came_later_are_written_as_they_were_read(topic: str) -> None:
    mapper, example = EventMapper(), stored(topic, 1, LATER[topic])

    assert mapper.to_stored_event(mapper.to_domain_event(example)) == example
    assert json.loads(example.state).keys() >= OPTIONAL[topic].keys()


@pytest.mark.parametrize(("stream", "names"), STREAMS.items())
def test_old_streams_load(stream: str, names: list[str]) -> None:
    aggregate = None
    for version, name in enumerate(names, start=1):
        event = EventMapper().to_domain_event(stored(f"{stream}.{name}", version))
        aggregate = event.mutate(aggregate)  # type: ignore[attr-defined] # a domain event applies itself

    assert aggregate is not None
    assert aggregate.version == len(names)
    assert stream == type(aggregate).TOPIC
