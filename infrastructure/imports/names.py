"""The ids of names, as far as they are at hand."""

from collections.abc import Iterable, Mapping, Set
from typing import Final

_MOST: Final = 400_000
"""Names in a generation; a name and its id take about 230 bytes."""


class Names:
    """Maps names to ids as text. Of more than ``most`` names those are forgotten that were not asked for since."""

    def __init__(self, most: int = _MOST) -> None:
        self.most = most
        self.recent: dict[str, str] = {}
        self.earlier: dict[str, str] = {}

    def known(self, names: Set[str]) -> dict[str, str]:
        """Those of the names that are known."""
        found = {name: known for name in names if (known := self.recent.get(name)) is not None}
        again = {name: self.earlier[name] for name in names - found.keys() if name in self.earlier}
        self.learn(again)
        return found | again

    def learn(self, ids: Mapping[str, str]) -> None:
        if len(self.recent) >= self.most:
            self.earlier, self.recent = self.recent, {}
        self.recent.update(ids)

    def forget(self, names: Iterable[str]) -> None:
        for name in names:
            self.recent.pop(name, None)
            self.earlier.pop(name, None)
