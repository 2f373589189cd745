"""Saved by one process, when much is new, and taken up by all: the same answers out of the same files."""

from collections.abc import Callable

import numpy as np
import pytest

from api.app import Truyvet
from domain.errors import Malformed
from domain.times import parse_instant
from infrastructure.follower import GraphFollower
from infrastructure.graph import saved

NINE = parse_instant("2021-08-30T09:00:00Z")


@pytest.fixture(autouse=True)
def _soon_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a part so small that the next visit is put into it."""
    monkeypatch.setattr("infrastructure.follower._MUCH", 4)
    monkeypatch.setattr("infrastructure.graph.tidying.SMALL", 1)


def visits(truyvet: Truyvet, *people: str) -> None:
    for person in people:
        truyvet.visits.check_in(f"ref:{person}", "cafe", NINE + truyvet.log.head())


def kept_up(truyvet: Truyvet) -> GraphFollower:
    """With what was due done."""
    truyvet.graph.catch_up()
    truyvet.graph.stop()
    return truyvet.graph


def mapped(graph: GraphFollower) -> set[str]:
    """The files that columns of visits lie in."""
    bases = [part.rows.key.base for part in graph.columns.snapshot.parts]
    return {str(base.filename) for base in bases if isinstance(base, np.memmap)}


@pytest.fixture
def cafe(truyvet: Truyvet) -> Truyvet:
    truyvet.venues.register("Café", "restaurant", code="cafe", registered_at=NINE)
    return truyvet


def test_a_little_is_not_saved(cafe: Truyvet) -> None:
    visits(cafe, "ann")  # 2, 3
    assert (kept_up(cafe).position, mapped(cafe.graph)) == (3, set())
    assert not cafe.graph.directory.exists()


def test_what_is_saved_is_taken_up_by_whoever_saved_it(cafe: Truyvet) -> None:
    """The graph is the same one: who keeps numbers of people by it need not begin again."""
    graph = cafe.graph.columns
    visits(cafe, "ann", "bob")
    assert kept_up(cafe).position == 5
    assert len(mapped(cafe.graph)) == len(cafe.graph.columns.snapshot.parts) > 0
    assert cafe.graph.columns is graph


def test_another_process_goes_on_from_the_same_files(cafe: Truyvet, truyvet_again: Callable[[], Truyvet]) -> None:
    other = truyvet_again()
    visits(cafe, "ann", "bob", "cid")
    kept_up(cafe)
    files = mapped(cafe.graph)
    visits(cafe, "dan")
    assert mapped(kept_up(other)) == files
    assert other.graph.position == 9 > cafe.graph.position
    kept_up(cafe)
    assert other.graph.columns.checksum() == cafe.graph.columns.checksum()
    assert mapped(truyvet_again().graph) == files


def test_meanwhile_another_one_saves(cafe: Truyvet) -> None:
    visits(cafe, "ann", "bob")
    with saved.alone(cafe.graph.directory):
        assert kept_up(cafe).position == 5
        assert mapped(cafe.graph) == set()
    assert mapped(kept_up(cafe))


def test_a_save_that_fails_is_shown_and_tried_again(cafe: Truyvet) -> None:
    visits(cafe, "ann", "bob")
    cafe.graph.directory.write_text("no directory")
    assert kept_up(cafe).position == 5
    visits(cafe, "cid")
    with pytest.raises(FileExistsError):
        cafe.graph.catch_up()
    assert cafe.graph.position == 7
    cafe.graph.directory.unlink()
    assert mapped(kept_up(cafe))


def test_a_rebuild_leaves_one_save(cafe: Truyvet) -> None:
    visits(cafe, "ann", "bob")
    kept_up(cafe)
    visits(cafe, "cid")
    checksum = cafe.graph.rebuild()
    assert [path.name for path in cafe.graph.directory.iterdir() if path.is_dir()] == ["7"]
    assert cafe.graph.columns.checksum() == checksum


def test_what_is_appended_is_projected_abreast(cafe: Truyvet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to less than a batch; saved only when somebody catches up."""
    monkeypatch.setattr("infrastructure.follower.BATCH", 3)
    monkeypatch.setattr("infrastructure.follower._LOOK_SECONDS", 0.01)
    with cafe.graph.abreast():
        visits(cafe, "ann", "bob", "cid")
        cafe.graph.wait_for(cafe.log.head() - 2, 10)
    assert mapped(cafe.graph) == set()
    visits(cafe, "dan")
    assert cafe.graph.position < cafe.log.head()
    assert kept_up(cafe).position == 9


def test_what_cannot_be_projected_abreast_is_raised_afterwards(cafe: Truyvet, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_: object, __: int) -> None:
        raise Malformed("that event")

    monkeypatch.setattr("infrastructure.follower.BATCH", 1)
    monkeypatch.setattr("infrastructure.follower._LOOK_SECONDS", 0.01)
    monkeypatch.setattr(GraphFollower, "_project_batch", failing)
    with cafe.graph.abreast():
        visits(cafe, "ann", "bob")
    with pytest.raises(Malformed, match="that event"):
        cafe.graph.catch_up()
