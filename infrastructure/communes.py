"""The official list of Viet Nam's provinces, districts and communes as of November 2021 (see NOTICE)."""

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Unit:
    """``level`` is province, district or commune; ``parent`` the code of the unit above, None for a province."""

    code: str
    name: str
    level: str
    parent: str | None


@cache
def units() -> dict[str, Unit]:
    """Every unit by its code; codes have 2 digits for a province, 3 for a district, 5 for a commune."""
    return {unit.code: unit for unit in _read()}


def is_venue_unit(code: str) -> bool:
    """A venue lies in a commune, or in one of the five island districts that have none."""
    unit = units().get(code)
    return unit is not None and (unit.level == "commune" or (unit.level == "district" and code not in _divided()))


def below(code: str) -> list[Unit]:
    return [unit for unit in units().values() if unit.parent == code]


@cache
def _divided() -> frozenset[str]:
    """The districts that have communes."""
    return frozenset(unit.parent for unit in units().values() if unit.level == "commune" and unit.parent)


def _read() -> Iterator[Unit]:
    path = resources.files("infrastructure").joinpath("data", "vn_admin_units_2021-11.csv.gz")
    with path.open("rb") as packed, gzip.open(packed, "rt", encoding="utf-8") as text:
        for row in csv.DictReader(text):
            yield Unit(row["province_code"], row["province"], "province", None)
            yield Unit(row["district_code"], row["district"], "district", row["province_code"])
            if row["commune_code"]:
                yield Unit(row["commune_code"], row["commune"], "commune", row["district_code"])
