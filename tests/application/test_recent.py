from application.recent import Recent


class Shelf:
    """What can be looked up, how often it was, and a clock that moves when told."""

    def __init__(self, **books: int) -> None:
        self.books = books
        self.looked = 0
        self.time = 0.0

    def look(self, name: str) -> int | None:
        self.looked += 1
        return self.books.get(name)

    def recent(self, most: int = 100) -> Recent[str, int]:
        return Recent(self.look, 1.0, most, lambda: self.time)


def test_it_is_looked_up_once_while_it_is_young() -> None:
    shelf = Shelf(a=1)
    recent = shelf.recent()
    assert [recent.get("a") for _ in range(5)] == [1] * 5
    assert shelf.looked == 1


def test_from_half_its_age_on_the_first_looks_again_and_the_others_go_on() -> None:
    shelf = Shelf(a=1)
    recent = shelf.recent()
    recent.get("a")
    shelf.time = 0.6
    assert [recent.known("a"), recent.known("a"), recent.known("a")] == [None, 1, 1]
    assert recent.look_up("a") == 1
    shelf.time = 1.0
    assert recent.known("a") == 1


def test_beyond_its_age_nobody_goes_on_whoever_is_looking() -> None:
    shelf = Shelf(a=1)
    recent = shelf.recent()
    recent.get("a")
    shelf.time = 1.0
    assert [recent.known("a"), recent.known("a")] == [None, None]


def test_its_age_counts_from_before_it_was_looked_for() -> None:
    shelf = Shelf()

    def slowly(name: str) -> int:
        shelf.time += 0.9
        return 1

    recent = Recent(slowly, 1.0, clock=lambda: shelf.time)
    recent.get("a")
    shelf.time += 0.1
    assert recent.known("a") is None


def test_what_is_not_found_is_not_kept_and_what_was_lost_is_forgotten() -> None:
    shelf = Shelf(a=1)
    recent = shelf.recent()
    assert (recent.get("b"), recent.get("b"), shelf.looked) == (None, None, 2)
    recent.get("a")
    del shelf.books["a"]
    assert (recent.look_up("a"), recent.known("a")) == (None, None)


def test_it_keeps_so_many_at_most() -> None:
    shelf = Shelf(a=1, b=2, c=3)
    recent = shelf.recent(most=2)
    for name in "abc":
        recent.get(name)
    assert [recent.known(name) for name in "abc"] == [None, 2, 3]
