"""A contact graph as a picture (SVG): F0 in the middle, F1 and F2 on rings around it, one sector for each group."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

SIZE: Final = 1000
"""Width and height of the drawing, in its own units."""

_CENTRE = (500.0, 500.0)
_RINGS: Mapping[int, float] = {0: 0.0, 1: 180.0, 2: 345.0}
_NEXT_RING = 60.0  # between levels beyond the second
_ROW = 18.0  # between the rows of a ring that is full
_RADIUS: Mapping[int, float] = {0: 15.0, 1: 9.0}
_SMALL_RADIUS = 6.5
_WIDTH: Mapping[int, float] = {1: 38.0}  # that somebody takes on a ring, a name included
_SMALL_WIDTH = 16.0
_GAP = 0.06  # radians between sectors
_TOP = 0.08  # radians on either side of the top, where the rings are named
_COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377",
    "#ee7733", "#009988", "#332288", "#997700", "#cc3311", "#777777",
)  # fmt: skip
"""Told apart by colour-blind readers as far as twelve colours can be: after Paul Tol's schemes."""

_INDEX_COLOUR = "#111111"


@dataclass(frozen=True, slots=True)
class Node:
    """Somebody in the picture; ``group`` is empty for the index person."""

    name: str
    level: int
    group: str = ""
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    x: float
    y: float
    angle: float


def picture(title: str, subtitle: str, nodes: Sequence[Node], edges: Iterable[tuple[str, str]]) -> str:
    """The SVG document, the same for the same input. Edges lead from infector to contact; each pair is drawn once.

    Groups are coloured in the order of their size; there may be more groups than colours, which then repeat.
    """
    colours = _colours(nodes)
    pairs = sorted(set(edges))
    places = _places(nodes, pairs, list(colours))
    body = [
        *_heading(title, subtitle),
        *_rings(nodes),
        *_edges(nodes, pairs, places, colours),
        *_dots(nodes, places, colours),
        *_labels(nodes, places),
        *_legend(nodes, colours),
    ]
    return "\n".join([
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" font-family="DejaVu Sans, Noto Sans, Arial, sans-serif"',
        f'  viewBox="0 0 {SIZE} {SIZE}" width="{SIZE}" height="{SIZE}">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(subtitle)}</desc>",
        f'<rect width="{SIZE}" height="{SIZE}" fill="#ffffff"/>',
        *body,
        "</svg>",
        "",
    ])  # fmt: skip


def _colours(nodes: Iterable[Node]) -> dict[str, str]:
    """The largest group first."""
    sizes = Counter(node.group for node in nodes if node.level > 0)
    ordered = sorted(sizes, key=lambda group: (-sizes[group], group))
    return {group: _COLOURS[number % len(_COLOURS)] for number, group in enumerate(ordered)}


def _places(nodes: Sequence[Node], pairs: Sequence[tuple[str, str]], groups: Sequence[str]) -> dict[str, Place]:
    """Inner levels first: whoever is further out stands near those through whom they were exposed."""
    infectors: dict[str, list[str]] = defaultdict(list)
    for infector, contact in pairs:
        infectors[contact].append(infector)
    sectors = _sectors(nodes, groups)
    places = {node.name: Place(*_CENTRE, 0.0) for node in nodes if node.level == 0}
    for level in sorted({node.level for node in nodes} - {0}):
        for group in groups:
            members = [node for node in nodes if node.level == level and node.group == group]
            middle = sum(sectors[group]) / 2
            members.sort(key=lambda node: (_direction(infectors[node.name], places, middle), node.name))
            places |= _along(members, level, *sectors[group])
    return places


def _sectors(nodes: Sequence[Node], groups: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Where each group begins and ends, in radians clockwise from the top: as wide as its fullest ring needs."""
    at = Counter((node.group, node.level) for node in nodes)
    levels = {node.level for node in nodes} - {0}
    needs = {group: max(at[group, level] * _width(level) / _ring(level) for level in levels) for group in groups}
    room = 2 * math.pi - 2 * _TOP - _GAP * max(0, len(groups) - 1)
    scale = room / (sum(needs.values()) or 1)
    sectors, begin = {}, _TOP
    for group in groups:
        sectors[group] = (begin, begin + needs[group] * scale)
        begin = sectors[group][1] + _GAP
    return sectors


def _direction(infectors: Iterable[str], places: Mapping[str, Place], otherwise: float) -> float:
    """The mean angle of the infectors; ``otherwise`` where there are none but the index person."""
    angles = [places[name].angle for name in infectors if name in places and places[name].angle]
    if not angles:
        return otherwise
    return math.atan2(sum(map(math.sin, angles)), sum(map(math.cos, angles))) % (2 * math.pi)


def _along(members: Sequence[Node], level: int, begin: float, end: float) -> Iterator[tuple[str, Place]]:
    """Evenly over the sector, in as many rows as they need not to touch."""
    room = max(1, int((end - begin) * _ring(level) / _width(level)))
    rows = -(-len(members) // room)
    for number, node in enumerate(members):
        angle = begin + (end - begin) * (number + 0.5) / len(members)
        distance = _ring(level) + _ROW * (number % rows)
        yield node.name, Place(_CENTRE[0] + distance * math.sin(angle), _CENTRE[1] - distance * math.cos(angle), angle)


def _ring(level: int) -> float:
    return _RINGS.get(level, _RINGS[2] + _NEXT_RING * (level - 2))


def _width(level: int) -> float:
    return _WIDTH.get(level, _SMALL_WIDTH)


def _radius(level: int) -> float:
    return _RADIUS.get(level, _SMALL_RADIUS)


def _heading(title: str, subtitle: str) -> Iterator[str]:
    yield f'<text x="30" y="48" font-size="26" font-weight="bold">{escape(title)}</text>'
    yield f'<text x="30" y="76" font-size="15" fill="#444444">{escape(subtitle)}</text>'


def _rings(nodes: Sequence[Node]) -> Iterator[str]:
    for level in sorted({node.level for node in nodes} - {0}):
        yield (
            f'<circle cx="{_CENTRE[0]:.1f}" cy="{_CENTRE[1]:.1f}" r="{_ring(level):.1f}" fill="none"'
            f' stroke="#e2e2e2" stroke-width="1"/>'
        )


def _edges(
    nodes: Sequence[Node], pairs: Sequence[tuple[str, str]], places: Mapping[str, Place], colours: Mapping[str, str]
) -> Iterator[str]:
    """In the colour of where the contact was exposed, bent a little towards the middle so that bundles show."""
    groups = {node.name: node.group for node in nodes}
    for infector, contact in pairs:
        a, b = places[infector], places[contact]
        bend = (_CENTRE[0] + 0.75 * ((a.x + b.x) / 2 - _CENTRE[0]), _CENTRE[1] + 0.75 * ((a.y + b.y) / 2 - _CENTRE[1]))
        yield (
            f'<path d="M{a.x:.1f} {a.y:.1f}Q{bend[0]:.1f} {bend[1]:.1f} {b.x:.1f} {b.y:.1f}" fill="none"'
            f' stroke="{colours.get(groups[contact], _INDEX_COLOUR)}" stroke-opacity="0.5" stroke-width="1"/>'
        )


def _dots(nodes: Sequence[Node], places: Mapping[str, Place], colours: Mapping[str, str]) -> Iterator[str]:
    """Filled when certain, a ring when possible; the name shows under the pointer."""
    for node in sorted(nodes, key=lambda node: (-node.level, node.name)):
        colour, place = colours.get(node.group, _INDEX_COLOUR), places[node.name]
        words = f"{node.name}, F{node.level}" + (f", {node.group}" if node.group else "")
        yield (
            f'<circle cx="{place.x:.1f}" cy="{place.y:.1f}" r="{_radius(node.level):.1f}"'
            f' fill="{colour if node.certain else "#ffffff"}" stroke="{colour}" stroke-width="2">'
            f"<title>{escape(words)}</title></circle>"
        )


def _labels(nodes: Sequence[Node], places: Mapping[str, Place]) -> Iterator[str]:
    """Name F0, the F1 by the end of their names, and the rings by their level."""
    for node in nodes:
        place = places[node.name]
        if node.level == 0:
            yield from _haloed(node.name, place.x, place.y - 24, 14, "#000000")
        elif node.level == 1:
            away = _radius(1) + 14
            x, y = place.x + away * math.sin(place.angle), place.y - away * math.cos(place.angle) + 4
            yield from _haloed(node.name.rpartition(":")[2], x, y, 12, "#000000")
    for level in sorted({node.level for node in nodes} - {0}):
        yield from _haloed(f"F{level}", _CENTRE[0], _CENTRE[1] - _ring(level) + 5, 16, "#666666")


def _haloed(text: str, x: float, y: float, size: int, fill: str) -> Iterator[str]:
    """Twice: a white edge below the letters keeps them legible, in every viewer."""
    where = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="bold" text-anchor="middle"'
    yield f'<text {where} fill="#ffffff" stroke="#ffffff" stroke-width="4">{escape(text)}</text>'
    yield f'<text {where} fill="{fill}">{escape(text)}</text>'


def _legend(nodes: Sequence[Node], colours: Mapping[str, str]) -> Iterator[str]:
    """Each group with its people by level, below the picture in columns; then what a ring means."""
    levels = sorted({node.level for node in nodes} - {0})
    at = Counter((node.group, node.level) for node in nodes)
    for number, (group, colour) in enumerate(colours.items()):
        x, y = 30 + 240 * (number % 4), 912 + 21 * (number // 4)
        counts = " + ".join(f"{at[group, level]} F{level}" for level in levels if at[group, level])
        yield f'<circle cx="{x + 6}" cy="{y - 5}" r="6" fill="{colour}"/>'
        yield f'<text x="{x + 18}" y="{y}" font-size="13">{escape(group)}: {counts}</text>'
    yield (
        f'<text x="30" y="{SIZE - 12}" font-size="12" fill="#666666">Filled: certain. Ring: possible, because a'
        f" check-out is missing. Line: at least one encounter, in the colour of the exposed person.</text>"
    )
