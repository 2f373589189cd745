"""Made-up visits by a seed: many people, venues with heavy-tailed traffic, stays by the hour, missing check-outs."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from domain.times import to_text
from infrastructure.graph import LoggedEvent

START = 1_630_256_400  # 30 August 2021, 00:00 in Viet Nam
DAYS = 14
DEFAULT_STAY_MINUTES = 60
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Visits:
    """n visits in the order of their check-ins; every column has shape (n,), times are seconds since 1970."""

    person: NDArray[np.int64]
    venue: NDArray[np.int64]
    check_in: NDArray[np.int64]
    check_out: NDArray[np.int64]
    observed: NDArray[np.bool_]
    """Whether the check-out became known."""
    people: int
    venues: int

    def __len__(self) -> int:
        return len(self.person)


def visits(count: int, seed: int = 20211112) -> Visits:
    """About 20 visits a person and 300 a venue in two weeks, by day more than by night, a tenth without check-out."""
    rng = np.random.default_rng(seed)
    people, venues = max(count // 20, 10), max(count // 300, 5)
    popularity = 1 / np.arange(1, venues + 1) ** 0.7
    person = rng.integers(0, people, count)
    venue = rng.choice(venues, count, p=popularity / popularity.sum())
    hour = np.clip(rng.normal(13, 4, count), 0, 23.99)
    check_in = START + rng.integers(0, DAYS, count) * _DAY + (hour * 3_600).astype(np.int64)
    stay = np.clip(rng.lognormal(7.6, 0.9, count), 60, 12 * 3_600).astype(np.int64)
    order = np.argsort(check_in, kind="stable")
    triples = np.stack([person, venue, check_in], axis=1)[order]
    _, first = np.unique(triples, axis=0, return_index=True)
    kept = order[np.sort(first)]
    observed = rng.random(count) >= 0.1
    return Visits(person[kept], venue[kept], check_in[kept], (check_in + stay)[kept], observed[kept], people, venues)


def person_name(number: int) -> str:
    return f"ref:made-up:{number}"


def uuid_of(kind: int, number: int) -> UUID:
    return UUID(bytes=blake2b(f"{kind} {number}".encode(), digest_size=16).digest())


def write_csv(made: Visits, path: Path) -> None:
    with path.open("w") as file:
        file.write("person,venue,check_in,check_out\n")
        for person, venue, check_in, check_out, observed in _rows(made):
            end = to_text(check_out) if observed else ""
            file.write(f"{person_name(person)},v{venue},{to_text(check_in)},{end}\n")


def events(made: Visits) -> Iterator[LoggedEvent]:
    """The log that these visits would make: the venues first, then each visit."""
    for venue in range(made.venues):
        state = f'{{"schema":1,"happened_at":"{to_text(START)}","default_stay_minutes":{DEFAULT_STAY_MINUTES}}}'
        yield LoggedEvent(venue + 1, "Venue.Registered", uuid_of(2, venue), state.encode())
    people = [str(uuid_of(1, person)) for person in range(made.people)]
    venues = [str(uuid_of(2, venue)) for venue in range(made.venues)]
    for number, (person, venue, check_in, check_out, observed) in enumerate(_rows(made)):
        start, end = to_text(check_in), f'"{to_text(check_out)}"' if observed else "null"
        state = (
            f'{{"schema":1,"happened_at":"{start}","visit_id":"{number}","person":"{people[person]}",'
            f'"venue":"{venues[venue]}","check_in":"{start}","check_out":{end}}}'
        )
        yield LoggedEvent(made.venues + 1 + number, "Visit.CheckedIn", uuid_of(3, number), state.encode())


def _rows(made: Visits) -> Iterator[tuple[int, int, int, int, bool]]:
    return zip(
        made.person.tolist(), made.venue.tolist(), made.check_in.tolist(), made.check_out.tolist(),
        made.observed.tolist(), strict=True,
    )  # fmt: skip
