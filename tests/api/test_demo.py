"""``truyvet demo``, run as a user runs it, and the parts of it that decide something."""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from shutil import rmtree
from xml.etree import ElementTree

import httpx
import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.demo import conference, district
from api.demo.district import WEEK, apportion
from api.demo.fresh import MARKER, fresh_data_dir
from api.demo.picture import SIZE, Node, picture
from application.contact_lists import ContactList
from domain.contacts import Contact
from domain.errors import Refused, TruyvetError
from domain.stays import KnownVisit
from domain.times import add_days, start_of_day
from infrastructure.postgres import local_postgres

ROOT = Path(__file__).parents[2]
TRUYVET = "from api.cli import main; main()"
SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Ran:
    """What the demo printed and wrote, in a directory with a space in its name."""

    directory: Path
    out: str
    seconds: float
    graphml: bytes
    svg: bytes

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S602 # what a user pastes into a shell
            command, shell=True, cwd=self.directory, env=environment(), capture_output=True, text=True, timeout=120
        )

    def command(self, word: str) -> str:
        """The first command of what to try next with that word."""
        return next(line.strip() for line in self.out.splitlines() if line.startswith("  ") and word in line)

    def counts(self) -> tuple[int, int]:
        """The F1 and F2 that were printed for Quan Son."""
        found = re.search(r"^(\d+) F1 and (\d+) F2, by the commune", self.out, re.MULTILINE)
        assert found is not None
        return int(found[1]), int(found[2])


def environment() -> dict[str, str]:
    """With an external database that must never be asked, and nothing that asks for colours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRUYVET_", "FORCE_", "TTY_"))}
    return kept | {"PYTHONPATH": str(ROOT), "TRUYVET_DATABASE_URL": "host=/nowhere dbname=never"}


def run_demo(directory: Path) -> Ran:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", TRUYVET, "demo", "--output", "demo output"],
        cwd=directory, env=environment(), capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    output = directory / "demo output"
    graphml, svg = (output / "quan-son.graphml").read_bytes(), (output / "quan-son.svg").read_bytes()
    return Ran(directory, done.stdout, time.monotonic() - began, graphml, svg)


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """Passable, so that a server started by root, which runs as another user, keeps its data there."""
    made = Path(tempfile.mkdtemp(prefix="truyvet-demo-"))
    made.chmod(0o711)
    yield made
    fresh_data_dir(made / "demo output" / "data")  # waits for the server
    rmtree(made)


@pytest.fixture(scope="module")
def ran_before(directory: Path) -> Ran:
    return run_demo(directory)


@pytest.fixture(scope="module")
def ran(directory: Path, ran_before: Ran) -> Ran:
    """Run again where it ran before."""
    return run_demo(ran_before.directory)


def test_it_ends_within_a_minute_each_time(ran_before: Ran, ran: Ran) -> None:
    assert ran_before.seconds < 60
    assert ran.seconds < 60


def test_every_run_finds_and_draws_the_same(ran_before: Ran, ran: Ran) -> None:
    assert (ran.graphml, ran.svg) == (ran_before.graphml, ran_before.svg)


def test_it_is_plain_text_where_there_is_no_terminal(ran: Ran) -> None:
    assert not re.search("[\x1b\r\u2500-\u257f]", ran.out)
    assert max(len(line) for line in ran.out.splitlines() if not line.startswith("  ")) <= 100


def test_the_late_check_out_changes_the_list_and_the_list_as_of_before_stays(ran: Ran) -> None:
    tally = re.search(r"Added (\d+), removed (\d+), revised (\d+), unchanged (\d+)", ran.out)
    assert tally is not None
    added, removed, revised, unchanged = map(int, tally.groups())
    before = ran.run(ran.command("--as-of") + " --format csv").stdout.splitlines()[1:]
    after = ran.run(ran.command("--evidence").replace("--evidence", "--format csv")).stdout.splitlines()[1:]

    assert added + removed > 0
    assert revised > 0
    assert len(before) == removed + revised + unchanged
    assert len(after) == added + revised + unchanged
    assert len(set(before) & set(after)) == unchanged


def test_the_sums_are_those_of_the_log_and_of_the_report(ran: Ran) -> None:
    row = re.search(r"^district +\| +(\d+) \| +(\d+) \| +\d+ \| +([\d,]+) \| +([\d,]+) ", ran.out, re.MULTILINE)
    assert row is not None
    points, new_points, scans, week_scans = (int(cell.replace(",", "")) for cell in row.groups())
    events = [json.loads(line) for line in ran.run(ran.command("events").partition("--after")[0]).stdout.splitlines()]
    week = tuple(f"2021-11-{day:02}T17:00:00Z" for day in (5, 12))
    registered = {
        event["stream"]: event["happened_at"]
        for event in events
        if event["type"] == "Venue.Registered" and event["data"]["commune"]
    }
    scanned = [
        event["happened_at"]
        for event in events
        if event["type"] == "Visit.CheckedIn" and event["data"]["venue"] in registered
    ]

    assert (points, new_points, scans, week_scans) == (584, 58, 4_336, 1_150)
    assert (len(registered), sum(week[0] <= at < week[1] for at in registered.values())) == (584, 58)
    assert (len(scanned), sum(week[0] <= at < week[1] for at in scanned)) == (4_336, 1_150)


def test_the_graph_holds_the_contacts_that_were_printed(ran: Ran) -> None:
    graph = nx.read_graphml(ran.directory / "demo output" / "quan-son.graphml", force_multigraph=True)
    levels = Counter(nx.get_node_attributes(graph, "level").values())
    rows = ran.run(ran.command("case contacts")).stdout.splitlines()[1:]

    assert (levels[0], levels[1], levels[2]) == (1, *ran.counts())
    assert {row.partition(",")[0] for row in rows} == {person for person, level in graph.nodes(data="level") if level}
    assert all(commune for person, commune in graph.nodes(data="commune") if graph.nodes[person]["level"])


def test_the_picture_shows_everybody(ran: Ran) -> None:
    drawing = ElementTree.fromstring(ran.svg)  # noqa: S314 # our own file
    people = [circle for circle in drawing.iter(f"{SVG}circle") if circle.find(f"{SVG}title") is not None]

    assert len(people) == 1 + sum(ran.counts())


def test_what_to_try_next_works(ran: Ran) -> None:
    commands = [line for line in ran.out.splitlines() if re.match(r"  .*(python|truyvet)\S* ", line)]
    asking = [command for command in commands if " serve " not in command]

    assert len(asking) >= 5
    for command in asking:
        done = ran.run(command)
        assert (done.returncode, done.stderr) == (0, "")
        assert len(done.stdout.splitlines()) >= 1


def test_what_to_try_next_works_over_http(ran: Ran) -> None:
    command = "exec " + ran.command(" serve ").replace("--port 8000", "--port 0")
    server = subprocess.Popen(  # noqa: S602 # what a user pastes into a shell
        command, shell=True, cwd=ran.directory, env=environment(), stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stderr is not None
        at = next(found for found in map(re.compile(r"http://\S+").search, server.stderr) if found)
        for line in ran.out.splitlines():
            if line.startswith("  curl"):
                answer = curl(ran, line.replace("http://127.0.0.1:8000", at[0]))
                assert answer.status_code == 200
                assert "ref:" in answer.text
    finally:
        server.terminate()
        server.wait(30)


def curl(ran: Ran, line: str) -> httpx.Response:
    """The request of a printed curl command, which this machine may not have, as the shell reads it."""
    words = ran.run(line.replace("curl", "printf '%s\\n'", 1)).stdout.splitlines()
    headers = dict(value.split(": ", 1) for name, value in pairwise(words) if name == "-H")
    body = next((value for name, value in pairwise(words) if name == "-d"), None)
    url = next(word for word in words if word.startswith("http"))
    return httpx.request("GET" if body is None else "POST", url, headers=headers, content=body)


def test_a_directory_of_somebody_else_stays(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "theirs").touch()

    with pytest.raises(Refused, match="was not made by the demo"):
        fresh_data_dir(tmp_path / "data")
    assert (tmp_path / "data" / "theirs").exists()


def test_a_link_is_never_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / MARKER).touch()
    (tmp_path / "data").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Refused, match="was not made by the demo"):
        fresh_data_dir(tmp_path / "data")


def test_a_directory_in_use_stays(directory: Path) -> None:
    data_dir = fresh_data_dir(directory / "in use")
    with local_postgres(data_dir, grace=0):
        with pytest.raises(Refused, match="in use"):
            fresh_data_dir(data_dir)
        assert (data_dir / MARKER).exists()
    assert list(fresh_data_dir(data_dir).glob("*/cluster")) == []


@given(st.integers(0, 5_000), st.dictionaries(st.text(max_size=3), st.integers(0, 1_000), min_size=1, max_size=12))
def test_shares_add_up_and_differ_from_the_exact_ones_by_less_than_one(total: int, weights: dict[str, int]) -> None:
    weights["some"] = weights.get("some", 0) + 1
    shares = apportion(total, weights)

    assert sum(shares.values()) == total
    for name, share in shares.items():
        assert abs(share - total * weights[name] / sum(weights.values())) < 1


def test_what_is_left_goes_to_the_largest_remainders() -> None:
    assert apportion(10, {"a": 60, "b": 26, "c": 14}) == {"a": 6, "b": 3, "c": 1}
    assert apportion(1, {"a": 1, "b": 1}) == {"a": 1, "b": 0}


def test_the_simulation_has_the_reported_figures_of_each_commune() -> None:
    rng = random.Random(district.SEED)
    points = district.points(rng)
    scans = district.scans(rng, points)
    of = Counter(point.commune for point in points), Counter(scan.point.commune for scan in scans)

    assert {code: (of[0][code], of[1][code]) for code in district.REPORTED} == district.REPORTED
    assert set(district.REPORTED) == set(district.commune_names())
    assert sum(reported.points for reported in district.REPORTED.values()) == district.POINTS
    assert sum(reported.scans for reported in district.REPORTED.values()) == district.SCANS


def test_simulated_visitors_come_to_registered_points_and_are_in_one_place_at_a_time() -> None:
    rng = random.Random(district.SEED)
    scans = district.scans(rng, district.points(rng))
    end = start_of_day(add_days(WEEK[1], 1))

    assert all(scan.point.registered_at < scan.came < end for scan in scans)
    assert 0.1 < sum(scan.left is None for scan in scans) / len(scans) < 0.2
    for person in {scan.person for scan in scans}:
        own = [scan for scan in scans if scan.person == person]
        assert all(a.left is None or a.left < b.came for a, b in pairwise(own))


def test_the_withheld_check_out_hides_a_contact_of_the_index_person() -> None:
    visits = conference.read_visits()
    plan = conference.plan(visits, 180)

    assert len({visit.person for visit in visits}) == 403
    assert plan.withheld.check_out is not None
    assert plan.withheld.check_in + 180 * 60 <= plan.met.check_in < plan.withheld.check_out
    assert plan.withheld.person != plan.index


def test_there_is_no_plan_when_nobody_met_enough_people() -> None:
    with pytest.raises(TruyvetError, match="somebody met"):
        conference.plan([KnownVisit("1", "ann", "hall", 1_244_200_000, 1_244_210_000)], 180)


def test_what_changed_in_a_list_is_named() -> None:
    ann, bob = contact("ann"), contact("bob")
    changes = conference.changes(
        listed(ann, bob, contact("fay"), contact("cat")),
        listed(ann, replace(bob, level=2, certain=False), contact("dan")),
    )

    assert [(change.person, change.words) for change in changes] == [
        ("ann", ""), ("bob", "level, certainty"), ("dan", "added"), ("fay", "removed"), ("cat", "removed"),
    ]  # fmt: skip


def contact(person: str) -> Contact:
    return Contact(person, 1, 1_244_200_000, 1, 900, ("eve",), certain=True)


def listed(*contacts: Contact) -> ContactList:
    return ContactList(1, "eve", list(contacts), [], {})


HOSTILE = [
    Node("ref:<f0>", 0),
    Node("ref:&1", 1, "a < b & 'c'"),
    Node('ref:"2"', 2, "]]>", certain=False),
    Node("ref:3", 3, ""),
]


def test_the_picture_is_well_formed_whatever_names_hold() -> None:
    drawing = ElementTree.fromstring(  # noqa: S314 # our own text
        picture("<title>", "&", HOSTILE, [("ref:<f0>", "ref:&1"), ("ref:&1", 'ref:"2"'), ('ref:"2"', "ref:3")])
    )

    assert [drawing.findtext(f"{SVG}title"), drawing.findtext(f"{SVG}desc")] == ["<title>", "&"]
    assert 'ref:"2", F2, ]]>' in [title.text for title in drawing.iter(f"{SVG}title")]


def test_the_picture_draws_each_pair_once_whatever_the_order() -> None:
    pairs = [("ref:<f0>", "ref:&1"), ("ref:&1", 'ref:"2"'), ("ref:<f0>", "ref:&1")]
    drawn = picture("", "", HOSTILE[:3], pairs)

    assert drawn.count("<path") == 2
    assert drawn == picture("", "", HOSTILE[:3], pairs[::-1])


def test_everybody_is_within_the_picture_and_nobody_on_top_of_another() -> None:
    nodes = [Node("0", 0)] + [Node(str(number), 1 + (number > 20), f"group {number % 5}") for number in range(1, 151)]
    drawing = ElementTree.fromstring(picture("", "", nodes, []))  # noqa: S314 # our own text
    people = [circle for circle in drawing.iter(f"{SVG}circle") if circle.find(f"{SVG}title") is not None]
    places = [(float(circle.attrib["cx"]), float(circle.attrib["cy"])) for circle in people]

    assert len(places) == 151
    assert all(0 < x < SIZE and 0 < y < SIZE for x, y in places)
    assert all(abs(complex(*a) - complex(*b)) > 10 for n, a in enumerate(places) for b in places[:n])


def test_a_picture_of_nobody_but_the_index_person_is_one() -> None:
    assert "F1" not in picture("alone", "", [Node("ref:0", 0)], [])
