"""What the benchmark of the service sends."""

from itertools import islice

from api.bench.serve import CHECK_INS, arrivals


def test_nobody_checks_in_twice_within_a_few_seconds() -> None:
    """It would be one visit under two ids, which the service refuses."""
    some = [arrival["person"] for arrival in islice(arrivals(["a", "b"]), 10 * CHECK_INS)]
    assert len(set(some)) == len(some)
