"""Traces by NumPy's passes and by compiled loops: tests that use this fixture run once on each."""

from collections.abc import Iterator

import pytest

from infrastructure.graph import kernel


@pytest.fixture(scope="module", params=["numpy", "compiled"])
def tracing_path(request: pytest.FixtureRequest) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "_scanning", None)
        if request.param == "compiled" and not kernel.warm_up():
            pytest.skip("numba is not installed: pip install truyvet[compiled]")
        yield request.param
