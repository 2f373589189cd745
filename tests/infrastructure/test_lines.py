"""Files of facts: plain lines are split together, and come to the same as one by one."""

import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.lines import LONGEST_LINE, Line, Lines, Table, Unreadable

COLUMNS, OPTIONS = ("person", "venue"), ("source",)

plain_fields = st.text("ab1:.-'+", max_size=4)
odd_fields = st.text('a", \t\r\0\x0b\x1fé\u3000', max_size=4)
plain_lines = st.lists(plain_fields, min_size=2, max_size=2).map(",".join)
odd_lines = st.lists(plain_fields | odd_fields, max_size=4).map(",".join) | st.just('"a,b",c') | st.just('"a')


def lines_of(content: bytes) -> Lines:
    return Lines(io.BytesIO(content), COLUMNS, OPTIONS)


def one_by_one(tables: list[Table]) -> list[Line]:
    """The lines of tables in the order of their numbers."""
    split = [
        Line(number, raw, tuple(column[index] for column in table.columns))
        for table in tables
        for index, (number, raw) in enumerate(zip(table.numbers, table.raw, strict=True))
    ]
    return sorted([*split, *(line for table in tables for line in table.unreadable)])


@given(
    header=st.sampled_from(["person,venue", "venue,person"]),
    lines=st.lists(plain_lines, max_size=12) | st.lists(plain_lines | odd_lines, max_size=12),
    end=st.sampled_from(["\n", "\r\n"]),
    size=st.integers(1, 5),
)
def test_tables_hold_what_the_lines_say(header: str, lines: list[str], end: str, size: int) -> None:
    content = (end.join([header, *lines]) + end).encode()
    assert one_by_one(list(lines_of(content).tables(size))) == list(lines_of(content))


def test_plain_lines_are_split_together() -> None:
    (table,) = lines_of(b"venue,person\ncafe,ann\nbar,bob\n").tables(10)
    assert table == Table(range(2, 4), [b"cafe,ann", b"bar,bob"], [["ann", "bob"], ["cafe", "bar"], ["", ""]])


def test_blank_lines_are_numbered_and_nothing_else() -> None:
    tables = list(lines_of(b"\n\nperson,venue\n\nann,cafe\n  \nbob,bar\n").tables(2))
    assert [list(table.numbers) for table in tables] == [[5], [7]]


def test_ndjson_and_bytes_that_are_no_text() -> None:
    content = b'{"person":"ann","venue":"cafe"}\n{\n{"\xff"}\n{"person":"bob","source":"x"}\n'
    (table,) = lines_of(content).tables(10)
    assert table.columns == [["ann", "bob"], ["cafe", ""], ["", "x"]]
    assert [line.problem for line in table.unreadable] == ["the line is no JSON object", "the line is not UTF-8"]


def test_a_line_that_is_too_long_stops_no_other() -> None:
    (table,) = lines_of(b"person,venue\n" + b"a" * LONGEST_LINE + b",bar\nann,cafe\n").tables(10)
    assert table.columns == [["ann"], ["cafe"], [""]]
    assert [line.number for line in table.unreadable] == [2]


def test_what_came_before_the_damage_is_given_first() -> None:
    packed = gzip.compress(b"person,venue\n" + b"".join(b"p%d,cafe\n" % number for number in range(50_000)))
    seen: list[Table] = []
    with pytest.raises(Unreadable, match="truncated"):
        seen.extend(lines_of(packed[: len(packed) // 2]).tables(700))
    assert 0 < sum(len(table.raw) for table in seen) < 50_000
    assert 0 < len(seen[-1].raw) < 700
