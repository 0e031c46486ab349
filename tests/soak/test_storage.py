"""10,000 seeds of a simulated disk under the artifact layer: torn and lost writes, full or failing, with odd clocks."""

import pytest

from tests.simulated_nights import broken_by

pytestmark = pytest.mark.soak
NUM_SEEDS, AT_ONCE = 10_000, 1_000


@pytest.mark.parametrize("first", range(0, NUM_SEEDS, AT_ONCE))
def test_the_laws_hold_whatever_happens_to_the_disk(first: int) -> None:
    assert broken_by(range(first, first + AT_ONCE)) == {}
