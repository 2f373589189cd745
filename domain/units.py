"""Administrative units: the country, its provinces, districts and communes, by their official codes."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Unit:
    """``level`` is country, province, district or commune; ``parent`` the code of the unit above it."""

    code: str
    name: str
    level: str
    parent: str | None


COUNTRY: Final = Unit("VN", "Việt Nam", "country", None)
"""It has no official code, and provinces have no parent."""
