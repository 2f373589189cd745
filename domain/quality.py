"""What looks wrong in the visits of a venue: flagged, never dropped, and no trace answers differently for it.

A rule is a function from what is known of a venue to the visits that it points at. RULES has them all, each in words.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import asin, cos, radians, sin, sqrt
from operator import attrgetter
from statistics import median
from typing import Final, NamedTuple

from domain.stays import Id
from domain.times import Seconds, local_day

Metres = float

EXAMPLES: Final = 20
"""Visits that a flag names at most; it counts them all."""


class Arrival(NamedTuple):
    """A visit at the venue that is looked at; ``check_out`` is None when unknown."""

    visit: Id
    person: Id
    check_in: Seconds
    check_out: Seconds | None


class Elsewhere(NamedTuple):
    """One of those visits, another venue where the same person checked in, and so many seconds."""

    visit: Id
    venue: Id
    seconds: Seconds


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of a venue in a window.

    ``arrivals`` are ordered by check-in and visit. ``devices`` are those that scanned, by visit, where nobody else did
    so on the visitor's behalf. ``hops`` are the seconds from a check-in to the one before or after it elsewhere,
    ``doubled`` those that a person was at two venues at once, both ends of both known. ``metres`` are the distances to
    other venues that are known. What lies in the venue, or the venue in it, is not elsewhere.
    """

    kind: str
    default_stay: Seconds
    arrivals: Sequence[Arrival]
    devices: Mapping[Id, str]
    hops: Sequence[Elsewhere]
    doubled: Sequence[Elsewhere]
    metres: Mapping[Id, Metres]


@dataclass(frozen=True, slots=True)
class Flag:
    """``count`` of the visits, ``share`` of all in the window; ``says`` by language."""

    name: str
    says: Mapping[str, str]
    count: int
    share: float
    examples: tuple[Id, ...]


def flags(watched: Watched) -> list[Flag]:
    """What the rules point at, in their order; nothing when all is well."""
    return [flag for rule in RULES for flag in _flag(rule, watched)]


def check_out_rate(arrivals: Sequence[Arrival]) -> float | None:
    """The share of visits with a known check-out; None without visits."""
    return sum(arrival.check_out is not None for arrival in arrivals) / len(arrivals) if arrivals else None


# --- one phone used for many people

HOUSEHOLD_SCANS: Final = 3
HOUSEHOLD_SECONDS: Final[Seconds] = 10 * 60
"""Whoever scans when coming and when leaving makes two; a third one within ten minutes is for somebody else."""

DEVICE_PEOPLE: Final = 4
"""A phone is lent to a parent or a child; four people in a day are a household, or a guard who was never authorised."""


def shared_phone(watched: Watched) -> set[Id]:
    often = [own for own in _grouped(watched.arrivals, attrgetter("person")) if len(own) >= HOUSEHOLD_SCANS]
    found = set().union(*(_crowded(own, HOUSEHOLD_SECONDS, HOUSEHOLD_SCANS) for own in often))
    scanned = [arrival for arrival in watched.arrivals if arrival.visit in watched.devices]
    for same in _grouped(scanned, lambda arrival: (watched.devices[arrival.visit], local_day(arrival.check_in))):
        if len({arrival.person for arrival in same}) >= DEVICE_PEOPLE:
            found.update(arrival.visit for arrival in same)
    return found


# --- impossibly fast

FAST_SECONDS: Final[Seconds] = 30
"""Nobody walks into the next place and scans there in half a minute; whoever has photographs of the codes does."""

NEAREST_METRES: Final[Metres] = 1_000
"""Coordinates that were read off a map are no better than some hundred metres."""
GROUND_KM_H: Final = 200
"""Nothing on the roads and rails of Viet Nam is faster."""
AIR_KM_H: Final = 500
"""From one airport's door to the other's, boarding included, no flight within Viet Nam is faster."""
SHORTEST_FLIGHT: Final[Seconds] = 90 * 60
"""Boarding included; sooner, nobody flew."""
LONGEST_HOP: Final[Seconds] = 4 * 3600
"""After that no place in Viet Nam, 1,650 km long, is too far to have been reached."""

TWO_PLACES_SECONDS: Final[Seconds] = 5 * 60
"""Less is a check-out that was tapped on the way to the next place."""


def fast_succession(watched: Watched) -> set[Id]:
    return {hop.visit for hop in watched.hops if hop.seconds <= FAST_SECONDS}


def impossible_distance(watched: Watched) -> set[Id]:
    return {hop.visit for hop in watched.hops if watched.metres.get(hop.venue, 0) > _farthest(hop.seconds)}


def two_places(watched: Watched) -> set[Id]:
    return {at_once.visit for at_once in watched.doubled if at_once.seconds >= TWO_PLACES_SECONDS}


def _farthest(seconds: Seconds) -> Metres:
    """As far as anybody gets in that time, and never so near that it says nothing."""
    km_h = GROUND_KM_H if seconds < SHORTEST_FLIGHT else AIR_KM_H
    return max(NEAREST_METRES, km_h / 3.6 * seconds)


# --- scans for form's sake

FORM_S_SAKE_DAYS: Final = 5
"""A working week; on fewer days one scan is an accident."""


def one_scan_a_day(watched: Watched) -> set[Id]:
    """On most days on which anybody was there."""
    days = [list(same) for _, same in groupby(watched.arrivals, lambda arrival: local_day(arrival.check_in))]
    alone = [same[0].visit for same in days if len(same) == 1]
    return set(alone) if len(days) >= FORM_S_SAKE_DAYS and 2 * len(alone) > len(days) else set()


# --- bursts

BURST_SECONDS: Final[Seconds] = 60
FASTEST_DOOR: Final = 120
"""Two check-ins a second for a minute: more than can be scanned at the codes of one place."""
SMALLEST_BURST: Final = 30
"""One every two seconds: fewer are a coach that arrived."""
TIMES_USUAL: Final = 10
"""So many times the busiest minute of a usual day is no usual day."""
USUAL_DAYS: Final = 5
"""Fewer days do not say what is usual."""


def burst(watched: Watched) -> set[Id]:
    return _crowded(watched.arrivals, BURST_SECONDS, _most_in_a_burst_s_time(watched.arrivals) + 1)


def _most_in_a_burst_s_time(arrivals: Sequence[Arrival]) -> int:
    days = groupby(arrivals, lambda arrival: local_day(arrival.check_in))
    busiest = [_most_within(BURST_SECONDS, list(same)) for _, same in days]
    if len(busiest) < USUAL_DAYS:
        return FASTEST_DOOR
    return int(min(FASTEST_DOOR, max(SMALLEST_BURST, TIMES_USUAL * median(busiest))))


# --- check-outs

LONGEST_STAY: Final[Seconds] = 12 * 3600
SLEPT_IN: Final = frozenset({"hotel", "hospital"})
"""Kinds of venues where people stay for days."""

FEWEST_CHECK_OUTS: Final = 0.05
FEWEST_VISITS: Final = 20
"""Of fewer visits, none with a check-out may be chance."""


def long_stays(watched: Watched) -> set[Id]:
    """A guard's night shift is no mistake where the venue says that people stay so long."""
    longest = max(LONGEST_STAY, watched.default_stay)
    if watched.kind in SLEPT_IN:
        return set()
    return {visit for visit, _, start, end in watched.arrivals if end is not None and end - start > longest}


def no_check_outs(watched: Watched) -> set[Id]:
    rate = check_out_rate(watched.arrivals)
    if rate is None or len(watched.arrivals) < FEWEST_VISITS or rate >= FEWEST_CHECK_OUTS:
        return set()
    return {arrival.visit for arrival in watched.arrivals if arrival.check_out is None}


# --- all of them


class Rule(NamedTuple):
    points_at: Callable[[Watched], set[Id]]
    english: str
    vietnamese: str


RULES: Final = (
    Rule(
        shared_phone,
        f"One phone checks in several people: the same person {HOUSEHOLD_SCANS} times or more within "
        f"{HOUSEHOLD_SECONDS // 60} minutes, or one device {DEVICE_PEOPLE} people or more in a day.",
        f"Một điện thoại quét cho nhiều người: cùng một người quét từ {HOUSEHOLD_SCANS} lượt trong "
        f"{HOUSEHOLD_SECONDS // 60} phút, hoặc một thiết bị quét cho từ {DEVICE_PEOPLE} người trong một ngày.",
    ),
    Rule(
        fast_succession,
        f"The same person checks in here and at another venue within {FAST_SECONDS} seconds.",
        f"Cùng một người quét mã ở đây và ở một địa điểm khác trong vòng {FAST_SECONDS} giây.",
    ),
    Rule(
        impossible_distance,
        f"The same person checks in here and far away sooner than anybody travels: faster than {GROUND_KM_H} km/h, or "
        f"than {AIR_KM_H} km/h where there was time for a flight.",
        f"Cùng một người quét mã ở đây và ở nơi xa nhanh hơn khả năng di chuyển: trên {GROUND_KM_H} km/h, hoặc trên "
        f"{AIR_KM_H} km/h khi đủ thời gian đi máy bay.",
    ),
    Rule(
        two_places,
        f"The same person is here and at another venue at once, for {TWO_PLACES_SECONDS // 60} minutes or more.",
        f"Cùng một người vừa ở đây vừa ở một địa điểm khác cùng lúc, từ {TWO_PLACES_SECONDS // 60} phút trở lên.",
    ),
    Rule(
        one_scan_a_day,
        "On most days on which anybody checks in there is exactly one check-in.",
        "Phần lớn các ngày có quét mã chỉ có đúng một lượt quét.",
    ),
    Rule(
        burst,
        f"Within {BURST_SECONDS} seconds there are more check-ins than a door lets through ({FASTEST_DOOR}), or "
        f"{TIMES_USUAL} times those of the busiest minute of a usual day.",
        f"Trong {BURST_SECONDS} giây có nhiều lượt quét hơn mức ra vào thực tế ({FASTEST_DOOR}), hoặc gấp "
        f"{TIMES_USUAL} lần phút đông nhất của một ngày thường.",
    ),
    Rule(
        long_stays,
        f"Check-outs come more than {LONGEST_STAY // 3600} hours after their check-ins.",
        f"Lượt quét ra cách lượt quét vào hơn {LONGEST_STAY // 3600} giờ.",
    ),
    Rule(
        no_check_outs,
        f"Almost nobody checks out: fewer than {FEWEST_CHECK_OUTS:.0%} of the visits have a check-out.",
        f"Hầu như không ai quét mã khi ra: dưới {FEWEST_CHECK_OUTS:.0%} số lượt có giờ ra.",
    ),
)


ELSEWHERE: Final = frozenset(rule.__name__ for rule in (fast_succession, impossible_distance, two_places))
"""The flags that tell of a person's visits to other venues, too."""


def _flag(rule: Rule, watched: Watched) -> list[Flag]:
    concerned = rule.points_at(watched)
    if not concerned:
        return []
    inside = [arrival.visit for arrival in watched.arrivals if arrival.visit in concerned]
    share = len(inside) / len(watched.arrivals)
    says = {"en": rule.english, "vi": rule.vietnamese}
    return [Flag(rule.points_at.__name__, says, len(inside), share, tuple(inside[:EXAMPLES]))]


def _grouped(arrivals: Iterable[Arrival], key: Callable[[Arrival], object]) -> Iterable[list[Arrival]]:
    groups: dict[object, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        groups[key(arrival)].append(arrival)
    return groups.values()


def _crowded(arrivals: Sequence[Arrival], seconds: Seconds, least: int) -> set[Id]:
    """Those who are among ``least`` or more that checked in at most ``seconds`` apart."""
    found: set[Id] = set()
    marked = 0
    for first, after in _runs(arrivals, seconds):
        if after - first >= least:
            found.update(arrival.visit for arrival in arrivals[max(first, marked) : after])
            marked = after
    return found


def _most_within(seconds: Seconds, arrivals: Sequence[Arrival]) -> int:
    return max(after - first for first, after in _runs(arrivals, seconds))


def _runs(arrivals: Sequence[Arrival], seconds: Seconds) -> Iterator[tuple[int, int]]:
    """For each arrival the range that ends with it and begins with the first one at most ``seconds`` earlier."""
    first = 0
    for last, arrival in enumerate(arrivals):
        while arrival.check_in - arrivals[first].check_in > seconds:
            first += 1
        yield first, last + 1


EARTH_RADIUS: Final[Metres] = 6_371_000


def metres_between(one: tuple[float, float], other: tuple[float, float]) -> Metres:
    """The way over the ground, as on a sphere (haversine), between two places given as latitude and longitude."""
    (lat_a, lon_a), (lat_b, lon_b) = (tuple(map(radians, place)) for place in (one, other))
    half = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS * asin(sqrt(min(half, 1.0)))
