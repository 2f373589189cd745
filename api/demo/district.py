"""Visitors of Quan Son district, simulated over the figures that it reported on 12 November 2021.

Only the sums are the district's: points and scans of each commune, new points and the week's scans of the whole. Who
went where is made up, by a fixed seed; nobody in it exists.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from domain.times import Seconds, add_days, start_of_day, to_text
from infrastructure.communes import below


class Reported(NamedTuple):
    points: int
    scans: int


DISTRICT: Final = "387"

REPORTED: Final[Mapping[str, Reported]] = {
    "14995": Reported(58, 189),  # Trung Xuan
    "14998": Reported(16, 422),  # Trung Thuong
    "14999": Reported(83, 638),  # Trung Tien
    "15001": Reported(71, 938),  # Trung Ha
    "15004": Reported(13, 10),  # Son Ha
    "15007": Reported(11, 10),  # Tam Thanh
    "15010": Reported(65, 413),  # Son Thuy
    "15013": Reported(130, 545),  # Na Meo
    "15016": Reported(79, 610),  # Son Lu
    "15019": Reported(10, 27),  # Tam Lu
    "15022": Reported(25, 312),  # Son Dien
    "15025": Reported(23, 222),  # Muong Min
}
"""Points and scans in total by commune code: weekly report of Quan Son district, Thanh Hoa, 12 November 2021."""

POINTS: Final = 584
NEW_POINTS: Final = 58
SCANS: Final = 4_336
WEEK_SCANS: Final = 1_150
WEEK: Final = (date(2021, 11, 6), date(2021, 11, 12))
"""Saturday to Friday, both included."""

SEED: Final = 387_2021
MISSING_CHECK_OUTS: Final = 0.15

_FIRST_DAY = date(2021, 10, 4)
_REGISTERING_BEGAN = date(2021, 8, 30)
_FROM_ELSEWHERE = 0.2  # of the visitors of a commune
_SCANS_PER_RESIDENT = 12
_HABIT = 0.7  # of the visits go where the visitor went before
_DAY_WEIGHTS = (10, 10, 10, 10, 10, 5, 3)  # Monday to Sunday: weekends are nearly empty
_MAIN = 40  # how much more a commune's own office, station, market and school draw than the least place
_MOST_EAGER = 5
_TRIES = 200


class Kind(NamedTuple):
    """``name`` in Vietnamese; ``share`` of the points and ``draw`` of visitors, relative; opening hours; minutes."""

    name: str
    share: int
    draw: int
    opens: int
    closes: int
    shortest: int
    usual: int
    longest: int


KINDS: Final[Mapping[str, Kind]] = {
    "public_body": Kind("Trụ sở", 8, 20, 7, 10, 15, 35, 120),
    "hospital": Kind("Trạm y tế", 4, 14, 7, 11, 30, 60, 180),
    "market": Kind("Chợ", 5, 30, 5, 8, 20, 45, 120),
    "school": Kind("Trường học", 8, 24, 6, 8, 180, 230, 290),
    "workplace": Kind("Cơ sở sản xuất", 6, 12, 7, 8, 200, 270, 540),
    "restaurant": Kind("Quán ăn", 16, 4, 6, 20, 15, 40, 100),
    "shop": Kind("Cửa hàng", 36, 2, 7, 19, 5, 15, 45),
    "transport": Kind("Bến xe", 3, 5, 5, 17, 10, 20, 60),
    "hotel": Kind("Nhà nghỉ", 5, 1, 14, 21, 300, 600, 720),
    "checkpoint": Kind("Chốt kiểm dịch", 3, 6, 5, 20, 3, 6, 15),
    "other": Kind("Nhà văn hóa", 6, 3, 18, 20, 45, 75, 150),
}


@dataclass(frozen=True, slots=True)
class Point:
    code: str
    name: str
    kind: str
    commune: str
    registered_at: Seconds
    weight: float
    """How much it draws, relative; a few places draw most visitors."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A check-in; ``left`` is None where nobody scanned out."""

    person: str
    point: Point
    came: Seconds
    left: Seconds | None


def apportion(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Whole shares of ``total`` in proportion to ``weights`` that add up to it: the largest-remainder rule.

    Everyone gets the whole part of their exact share; what is left goes, one each, to the largest remainders, at equal
    remainders to the larger weight, at equal weights to the smaller name.
    """
    everything = sum(weights.values())
    shares = {name: total * weight // everything for name, weight in weights.items()}
    by_remainder = sorted(weights, key=lambda name: (-(total * weights[name] % everything), -weights[name], name))
    for name in by_remainder[: total - sum(shares.values())]:
        shares[name] += 1
    return shares


def commune_names() -> dict[str, str]:
    """The official names by code."""
    return {unit.code: unit.name for unit in below(DISTRICT)}


def points(rng: random.Random) -> list[Point]:
    """Each commune's points, in the order of registration."""
    new = apportion(NEW_POINTS, {code: reported.points for code, reported in REPORTED.items()})
    names = commune_names()
    made = [
        _point(rng, code, names[code], number, is_new=number > reported.points - new[code])
        for code, reported in REPORTED.items()
        for number in range(1, reported.points + 1)
    ]
    return sorted(made, key=lambda point: (point.registered_at, point.code))


def _point(rng: random.Random, commune: str, commune_name: str, number: int, *, is_new: bool) -> Point:
    """Every commune has its office, health station, market and school first; the others are mostly shops."""
    first = ("public_body", "hospital", "market", "school")
    is_first = number <= len(first)
    kind = first[number - 1] if is_first else rng.choices(list(KINDS), [k.share for k in KINDS.values()])[0]
    begin, end = (WEEK[0], WEEK[1]) if is_new else (_REGISTERING_BEGAN, add_days(_FIRST_DAY, -1))
    day = add_days(begin, rng.randrange((end - begin).days + 1))
    return Point(
        code=f"quan-son:{commune}:{number:03}",
        name=f"{KINDS[kind].name} {number}, {commune_name}",
        kind=kind,
        commune=commune,
        registered_at=_at(rng, day, 7, 17),
        weight=KINDS[kind].draw * (_MAIN if is_first else min(rng.paretovariate(1.2), _MAIN)),
    )


def scans(rng: random.Random, places: Sequence[Point]) -> list[Scan]:
    """As many for each commune, in the week and before, as was reported and apportioned; by check-in."""
    in_week = apportion(WEEK_SCANS, {code: reported.scans for code, reported in REPORTED.items()})
    before, visitors, made = _days(_FIRST_DAY, add_days(WEEK[0], -1)), _Visitors(rng), []
    for commune, reported in REPORTED.items():
        here = [place for place in places if place.commune == commune]
        for days, count in ((before, reported.scans - in_week[commune]), (_days(*WEEK), in_week[commune])):
            chosen = Counter(rng.choices(days, [_DAY_WEIGHTS[day.weekday()] for day in days], k=count))
            for day in sorted(chosen):
                open_points = [place for place in here if place.registered_at < start_of_day(day)]
                made += [visitors.scan(commune, day, open_points) for _ in range(chosen[day])]
    return sorted(made, key=lambda scan: (scan.came, scan.person))


def csv_lines(visits: Iterable[Scan]) -> Iterator[str]:
    """As they are imported."""
    yield "person,venue,check_in,check_out,visit_id,source\n"
    for number, scan in enumerate(visits, start=1):
        left = "" if scan.left is None else to_text(scan.left)
        yield f"{scan.person},{scan.point.code},{to_text(scan.came)},{left},qs:{number:04},demo\n"


class _Visitors:
    """Who lives where, how often they go out, where they went, and when they are busy."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.residents: dict[str, list[str]] = {}
        self.eagerness: dict[str, float] = {}
        self.visited: dict[tuple[str, str], list[Point]] = defaultdict(list)
        self.busy: dict[str, list[tuple[Seconds, Seconds]]] = defaultdict(list)
        for commune, reported in REPORTED.items():
            count = reported.scans // _SCANS_PER_RESIDENT + 3
            begin = len(self.eagerness) + 1
            self.residents[commune] = [f"ref:quan-son:{number:04}" for number in range(begin, begin + count)]
            self.eagerness |= {person: min(rng.paretovariate(2), _MOST_EAGER) for person in self.residents[commune]}

    def scan(self, commune: str, day: date, places: Sequence[Point]) -> Scan:
        """Somebody who is free then comes to one of the places. Raises LookupError when nobody is."""
        for _ in range(_TRIES):
            person = self._who(commune)
            point = self._where(person, commune, places)
            kind = KINDS[point.kind]
            came = _at(self.rng, day, kind.opens, kind.closes)
            left = came + round(60 * self.rng.triangular(kind.shortest, kind.longest, kind.usual))
            if all(left < start or end < came for start, end in self.busy[person]):
                self.busy[person].append((came, left))
                self.visited[person, commune].append(point)
                return Scan(person, point, came, None if self.rng.random() < MISSING_CHECK_OUTS else left)
        raise LookupError(f"nobody in {commune} is free on {day}")

    def _who(self, commune: str) -> str:
        home = commune
        if self.rng.random() < _FROM_ELSEWHERE:
            home = self.rng.choice([other for other in self.residents if other != commune])
        people = self.residents[home]
        return self.rng.choices(people, [self.eagerness[person] for person in people])[0]

    def _where(self, person: str, commune: str, places: Sequence[Point]) -> Point:
        visited = self.visited[person, commune]
        if visited and self.rng.random() < _HABIT:
            return self.rng.choice(visited)
        return self.rng.choices(places, [place.weight for place in places])[0]


def _at(rng: random.Random, day: date, opens: int, closes: int) -> Seconds:
    """An instant within the hours of that day, local time."""
    return start_of_day(day) + rng.randrange(opens * 3600, closes * 3600)


def _days(first: date, last: date) -> list[date]:
    return [add_days(first, number) for number in range((last - first).days + 1)]
