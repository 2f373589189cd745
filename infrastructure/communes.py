"""The official list of Viet Nam's provinces, districts and communes as of November 2021 (see NOTICE)."""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib import resources

from domain.units import COUNTRY, Unit


@cache
def units() -> dict[str, Unit]:
    """Every unit by its code; codes have 2 digits for a province, 3 for a district, 5 for a commune."""
    return {unit.code: unit for unit in _read()}


def is_venue_unit(code: str) -> bool:
    """A venue lies in a commune, or in one of the five island districts that have none."""
    unit = units().get(code)
    return unit is not None and (unit.level == "commune" or (unit.level == "district" and not below(code)))


def named(code: str) -> Unit | None:
    """The unit with that code, the country by its own; None for an unknown one."""
    return COUNTRY if code == COUNTRY.code else units().get(code)


def below(code: str) -> list[Unit]:
    """The units next below one, in the order of the list."""
    return _children().get(code, [])


def venue_units(code: str) -> list[str]:
    """The codes of a unit's communes, and of its districts without communes: where its venues lie."""
    parts = below(code)
    return [place for part in parts for place in venue_units(part.code)] if parts else [code]


def lies_in(code: str, area: str) -> bool:
    """Whether a unit is that area or part of it."""
    if area in (code, COUNTRY.code):
        return True
    unit = units().get(code)
    return unit is not None and unit.parent is not None and lies_in(unit.parent, area)


@cache
def _children() -> dict[str, list[Unit]]:
    children: dict[str, list[Unit]] = defaultdict(list)
    for unit in units().values():
        children[unit.parent or COUNTRY.code].append(unit)
    return dict(children)


def _read() -> Iterator[Unit]:
    path = resources.files("infrastructure").joinpath("data", "vn_admin_units_2021-11.csv.gz")
    with path.open("rb") as packed, gzip.open(packed, "rt", encoding="utf-8") as text:
        for row in csv.DictReader(text):
            yield Unit(row["province_code"], row["province"], "province", None)
            yield Unit(row["district_code"], row["district"], "district", row["province_code"])
            if row["commune_code"]:
                yield Unit(row["commune_code"], row["commune"], "commune", row["district_code"])
