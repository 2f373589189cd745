"""The ids of names, as far as they are at hand."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

_MOST: Final = 400_000
"""Names in a generation; a name and its id take about 230 bytes."""


class Names:
    """Maps names to ids as text. Of more than ``most`` names those are forgotten that were not asked for since."""

    def __init__(self, most: int = _MOST) -> None:
        self.most = most
        self.recent: dict[str, str] = {}
        self.earlier: dict[str, str] = {}

    def known(self, names: Sequence[str]) -> list[str | None]:
        """The id of each name, None for one that is not known."""
        ids = list(map(self.recent.get, names))
        if None in ids and self.earlier:
            unknown = {name for name, known in zip(names, ids, strict=True) if known is None}
            again = {name: self.earlier[name] for name in unknown if name in self.earlier}
            self.learn(again)
            return [known or again.get(name) for name, known in zip(names, ids, strict=True)]
        return ids

    def learn(self, ids: Mapping[str, str]) -> None:
        if len(self.recent) >= self.most:
            self.earlier, self.recent = self.recent, {}
        self.recent.update(ids)

    def forget(self, names: Iterable[str]) -> None:
        for name in names:
            self.recent.pop(name, None)
            self.earlier.pop(name, None)
