"""1,000 damaged files of every kind, each met by a night with new documents."""

import pytest

from tests.corruptions import Base, base_in, broken_by
from tests.tiny_night import KEY

pytestmark = pytest.mark.soak
NUM_SEEDS, AT_ONCE = 1_000, 50


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A workspace behind one night."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
        return base_in(tmp_path_factory.mktemp("base"))


@pytest.mark.parametrize("first", range(0, NUM_SEEDS, AT_ONCE))
def test_a_damaged_file_is_noticed_or_harmless(base: Base, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
    assert broken_by(range(first, first + AT_ONCE), base) == {}
