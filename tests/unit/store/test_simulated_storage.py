"""Power cuts, full disks and failing ones under the artifact layer, at each of its calls: a part of `make soak`."""

from tests.simulated_nights import broken_by


def test_the_laws_hold_whatever_happens_to_the_disk() -> None:
    assert broken_by(range(200)) == {}


def test_on_a_disk_that_does_not_flush_they_break() -> None:
    """So the test above would notice a flush that is missing."""
    assert broken_by(range(25), lies=True) != {}
